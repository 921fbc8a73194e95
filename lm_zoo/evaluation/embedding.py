"""Vectors of single texts: the mean of what the model makes of each token."""

import numpy as np
import tensorflow as tf

from lm_zoo.compiled import compiled_for
from lm_zoo.evaluation.scoring import check_texts, piece_lengths
from lm_zoo.evaluation.windows import default_stride, plan_windows
from lm_zoo.limits import BATCH_SIZE
from lm_zoo.text.checks import require_vocabulary
from lm_zoo.text.special_tokens import TEXT


def embed_texts(model, tokenizer, texts, batch_size=BATCH_SIZE, special_tokens=TEXT):
    """Gives each text's vector: the mean of `model.features` over its tokens.

    Texts are read as `score_texts` reads them: each after `tokenizer.start_ids`, whose own vectors
    do not count, and one longer than the model's `context_length` in windows of that length with
    half of it as stride, where a token's vector is that of the first window that holds it.

    Args:
        model: A built `LanguageModel`.
        tokenizer: The tokenizer it was trained with.
        texts: A list of strings.
        batch_size: Windows read at once.
        special_tokens: How a special token written out in a text is read: as `text`, or as the
            token (`control`).

    Returns:
        float32 array of shape `(texts, width)`; zeros for a text without tokens.

    Raises:
        UserError: If `texts` or `batch_size` cannot be used.
    """
    require_vocabulary(tokenizer, model.vocab_size)
    check_texts("texts", texts, batch_size)
    start = np.asarray(tokenizer.start_ids, np.int32)
    encoded = [np.asarray(tokenizer.encode(text, special_tokens), np.int32) for text in texts]
    windows = [
        (number, window, max(first, len(start) - begin))
        for number, ids in enumerate(encoded)
        for begin, window, first in _windows(np.concatenate([start, ids]), model.context_length)
    ]
    windows.sort(key=lambda window: -len(window[1]))  # like lengths together: less padding
    sums = np.zeros((len(texts), _width(model)))
    for begin in range(0, len(windows), batch_size):
        _add_features(model, windows[begin : begin + batch_size], sums)
    counts = np.array([max(len(ids), 1) for ids in encoded])
    return (sums / counts[:, None]).astype(np.float32)


def _windows(tokens, context_length):
    """Yields each window's place, its tokens, and how many of them an earlier one had."""
    window = context_length or max(len(tokens), 1)
    for begin, end, first_new in zip(*plan_windows(len(tokens), window, default_stride(window))):
        yield begin, tokens[begin:end], first_new - begin


def _add_features(model, windows, sums):
    """Reads windows side by side, and adds their tokens' vectors to the sums of their texts."""
    rows, longest = len(windows), max(len(tokens) for _, tokens, _ in windows)
    lengths = piece_lengths(longest, rows * sums.shape[1], model.context_length)
    padded = np.zeros((rows, sum(lengths)), np.int32)  # on the right, where no one looks
    counts = np.zeros((rows, sum(lengths)), bool)
    for row, (_, tokens, first) in enumerate(windows):
        padded[row, : len(tokens)] = tokens
        counts[row, first : len(tokens)] = True
    state, begin = model.initial_state(rows), 0
    compiled = compiled_for(model, "evaluation.features", _make_features)
    for length in lengths:
        piece = slice(begin, begin + length)
        features, state = compiled(tf.constant(padded[:, piece]), state)
        summed = np.einsum("rtw,rt->rw", features.numpy().astype(np.float64), counts[:, piece])
        np.add.at(sums, [number for number, _, _ in windows], summed)
        begin += length


def _make_features(reference):
    @tf.function(autograph=False)
    def features(token_ids, state):
        vectors, state = reference().features(token_ids, state)
        return tf.cast(vectors, tf.float32), state

    return features


def _width(model):
    one_token = tf.zeros((1, 1), tf.int32)
    return model.features(one_token, model.initial_state(1))[0].shape[-1]
