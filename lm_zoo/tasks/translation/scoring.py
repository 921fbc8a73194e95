"""Log-probability, perplexity and every token's surprisal of texts given their sources."""

import numpy as np

from lm_zoo.errors import UserError
from lm_zoo.evaluation.scoring import Segment, check_texts, score_segments, summarize
from lm_zoo.limits import BATCH_SIZE
from lm_zoo.text.checks import require_vocabulary
from lm_zoo.text.special_tokens import TEXT


def score_pairs(
    model, source_tokenizer, tokenizer, sources, texts, batch_size=BATCH_SIZE, special_tokens=TEXT
):
    """Scores texts, each as a translation of its source.

    A text is read after an end token, as in training, and its own end token is scored too.

    Args:
        model: A built `SequenceToSequenceModel`.
        source_tokenizer: The tokenizer of sources that it was trained with.
        tokenizer: The tokenizer of targets.
        sources: A list of strings.
        texts: As many.
        batch_size: Texts per batch.
        special_tokens: How a special token written out in a text is read: as `text`, or as the
            token (`control`).

    Returns:
        A list of `Score`, in the order of the texts.

    Raises:
        UserError: For a language model; for unequal numbers of texts; for one that is longer than
            the model reads or writes, before any is scored.
    """
    model.check_reads(sources=True)
    require_vocabulary(tokenizer, model.vocab_size)
    check_texts("texts", texts, batch_size)
    check_texts("sources", sources, batch_size)
    if len(sources) != len(texts):
        raise UserError(
            f"sources: expected one for each of {len(texts)} texts, received {len(sources)}."
        )
    sources = _encoded(
        "sources", sources, source_tokenizer, "source_length", model.source_length, special_tokens
    )
    targets = _encoded(
        "texts", texts, tokenizer, "context_length", model.context_length, special_tokens
    )
    surprisals = [np.full(len(ids), np.nan) for ids in targets]
    segments = [
        Segment(np.append(ids[-1:], ids[:-1]), ids, 0, nll, source)
        for source, ids, nll in zip(sources, targets, surprisals)
    ]
    score_segments(model, segments, batch_size)
    context = f"the source, then after {tokenizer.token_text(tokenizer.end_id)}"
    return [
        summarize(tokenizer, text, ids, nll, context, has_end=True)
        for text, ids, nll in zip(texts, targets, surprisals)
    ]


def _encoded(name, texts, tokenizer, limit_name, limit, special_tokens):
    """Returns each text's ids with its end token; refuses those beyond the model's limit."""
    end = np.array([tokenizer.end_id], np.int32)
    found = [
        np.append(np.asarray(tokenizer.encode(text, special_tokens), np.int32), end)
        for text in texts
    ]
    for number, ids in enumerate(found, 1):
        if limit is not None and len(ids) > limit:
            raise UserError(
                f"{name}: expected at most {limit} tokens (the model's {limit_name}, including "
                f"the end token), received {len(ids)} in number {number}; shorten it."
            )
    return found
