"""What can be counted of one field of a split's records, JSON-ready."""

import numpy as np

from lm_zoo.inspection.statistics import (
    counted_token,
    describe_lengths,
    describe_tokens,
    token_counts,
)
from lm_zoo.inspection.unknown import unknown_words

MAX_CLASSES = 1000  # listed of a label field


def describe_text(column, tokenizer, tokens, line_lengths=None):
    """Returns what is known of a text field.

    Args:
        column: The field's `Corpus`; read again where words of it are unknown.
        tokenizer: Its `Tokenizer`.
        tokens: The split's `TokenSplit`.
        line_lengths: For a stream: characters of a line -> how many lines.

    Returns:
        A dict: `tokenizer`, counts of `tokens`, `bytes` and `words` and of what is lost of them,
        `tokens_looked_at`, `vocabulary` as `describe_tokens` gives it, `unknown` (None where the
        tokenizer knows everything), and `lengths` as `describe_lengths` gives them.
    """
    counts, looked_at = token_counts(tokens, tokenizer.vocab_size)
    unknown = None
    if tokenizer.unk_id is not None:
        share = tokens.num_unknown / max(1, tokens.num_tokens)
        looked = {"characters": 0, "words": []}
        if tokens.num_unknown:
            looked = unknown_words(column, tokens.name, tokenizer)
        unknown = {"tokens": tokens.num_unknown, "share": share, **looked}
    if tokens.document_starts is not None:
        unit = "tokens of a text, including its end"
        values, times = np.unique(np.diff(tokens.document_starts), return_counts=True)
    else:
        unit = "characters of a non-blank line"
        values = sorted(line_lengths)
        times = [line_lengths[value] for value in values]
    return {
        "kind": "text",
        "tokenizer": tokenizer.name,
        "tokens": tokens.num_tokens,
        "tokens_looked_at": looked_at,
        "bytes": tokens.num_bytes,
        "words": tokens.num_words,
        "bytes_lost": tokens.bytes_lost,
        "words_lost": tokens.words_lost,
        "bytes_per_token": tokens.num_bytes / max(1, tokens.num_tokens),
        "vocabulary": describe_tokens(counts, tokenizer),
        "unknown": unknown,
        "lengths": describe_lengths(values, times, unit),
    }


def describe_label(tokenizer, tokens, most=MAX_CLASSES):
    """Returns what is known of a label field.

    Args:
        tokenizer: Its `Tokenizer`, of which each token but the end is a class.
        tokens: The split's `TokenSplit`.
        most: How many classes are listed.

    Returns:
        A dict: `tokens_looked_at`; `labels`, how many of the tokens looked at are labels;
        `num_classes`, `used` (those that occur), and `classes`, the most frequent first: text, id,
        count and share.
    """
    counts, looked_at = token_counts(tokens, tokenizer.vocab_size)
    ids = np.setdiff1d(np.arange(len(counts)), [tokenizer.end_id])
    ids = ids[np.argsort(-counts[ids], kind="stable")]
    total = int(counts[ids].sum())
    return {
        "kind": "label",
        "tokens": tokens.num_tokens,
        "tokens_looked_at": looked_at,
        "labels": total,
        "num_classes": len(ids),
        "used": int(np.count_nonzero(counts[ids])),
        "classes": [counted_token(tokenizer, i, counts, total) for i in ids[:most]],
    }
