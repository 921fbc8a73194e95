"""Vectors of single texts by a model that reads sources: the mean of its encoder's vectors."""

import numpy as np
import tensorflow as tf

from lm_zoo.evaluation.nll import padded_function
from lm_zoo.evaluation.scoring import check_texts
from lm_zoo.generation.random_keys import padded
from lm_zoo.limits import BATCH_SIZE
from lm_zoo.text.special_tokens import TEXT


def embed_sources(model, tokenizer, texts, batch_size=BATCH_SIZE, special_tokens=TEXT):
    """Gives each text's vector: the mean of `model.source_features` over its tokens.

    Each text is read with the end token after it, whose own vector does not count.

    Args:
        model: A built `SequenceToSequenceModel`.
        tokenizer: The tokenizer of sources that it was trained with.
        texts: A list of strings.
        batch_size: Texts per batch.
        special_tokens: How a special token written out in a text is read: as `text`, or as the
            token (`control`).

    Returns:
        float32 array of shape `(texts, width)`; zeros for a text without tokens.

    Raises:
        UserError: If `texts` or `batch_size` cannot be used, or a text is longer than the model's
            `source_length`.
    """
    check_texts("texts", texts, batch_size)
    encoded = [
        np.append(tokenizer.encode(text, special_tokens), tokenizer.end_id) for text in texts
    ]
    order = sorted(range(len(texts)), key=lambda row: -len(encoded[row]))
    vectors = [None] * len(texts)
    compiled = padded_function(model, "evaluation.source_features", _source_features)
    for begin in range(0, len(texts), batch_size):
        rows = order[begin : begin + batch_size]
        source_ids, lengths = padded([encoded[row] for row in rows])
        model.check_source_length(source_ids)
        features = compiled(source_ids, lengths).numpy().astype(np.float64)
        for row, length, of_text in zip(rows, lengths - 1, features):
            vectors[row] = of_text[:length].sum(0) / max(length, 1)
    return np.array(vectors, np.float32).reshape(len(texts), -1)


def _source_features(model, source_ids, lengths):
    return tf.cast(model.source_features(source_ids, lengths), tf.float32)
