"""How often each token occurs, how much of the text the frequent ones cover, how long texts are."""

import numpy as np

MAX_TOKENS = 1 << 28  # counted in some seconds; of more, an even sample of pieces is
PIECE = 1 << 22  # tokens read at once: 48 MiB with what counting needs
SHARES = (0.5, 0.8, 0.9, 0.95, 0.99, 1.0)
MAX_POINTS = 120  # of a plotted curve
MAX_LISTED = 20  # of the most frequent and of the unused tokens
LENGTH_BINS = 32


def token_counts(split, vocab_size, most_tokens=MAX_TOKENS, piece=PIECE):
    """Counts the tokens of a split.

    Args:
        split: A `TokenSplit`.
        vocab_size: Number of token ids.
        most_tokens: About the most that are looked at: of a longer split, every n-th piece.
        piece: Tokens in a piece.

    Returns:
        `(counts, looked at)`: int64 `(vocab_size,)`, and their sum.
    """
    pieces = -(-split.num_tokens // piece)
    every = max(1, -(-split.num_tokens // most_tokens))
    counts = np.zeros(vocab_size, np.int64)
    for number in range(0, pieces, every):
        part = split.read(number * piece, (number + 1) * piece)
        counts += np.bincount(part, minlength=vocab_size)
    return counts, int(counts.sum())


def describe_tokens(counts, tokenizer):
    """Returns what token counts say, JSON-ready.

    Args:
        counts: From `token_counts`.
        tokenizer: The tokenizer, for the tokens' texts.

    Returns:
        A dict: `vocab_size`, `used` and `unused` ids and the share used; `once`, ids that occur
        once; `covering`, how many of the most frequent tokens make up which share of the text;
        `frequent` tokens and some of the unused ones; `zipf`, pairs of rank and count, and
        `coverage`, pairs of rank and share, for plots.
    """
    order = np.argsort(-counts, kind="stable")
    ranked = counts[order]
    used = int(np.count_nonzero(ranked))
    total = max(1, int(ranked.sum()))
    covered = np.cumsum(ranked[:used]) / total
    unused = np.flatnonzero(counts == 0)
    ranks = spread(used)
    return {
        "vocab_size": len(counts),
        "used": used,
        "unused": len(counts) - used,
        "share_used": used / max(1, len(counts)),
        "once": int(np.count_nonzero(counts == 1)),
        "covering": [
            {"share": share, "tokens": min(used, int(np.searchsorted(covered, share - 1e-12)) + 1)}
            for share in SHARES
            if used
        ],
        "frequent": [
            counted_token(tokenizer, i, counts, total) for i in order[: min(MAX_LISTED, used)]
        ],
        "unused_examples": [named_token(tokenizer, i) for i in unused[:MAX_LISTED]],
        "zipf": [[int(rank), int(ranked[rank - 1])] for rank in ranks],
        "coverage": [[int(rank), float(covered[rank - 1])] for rank in ranks],
    }


def named_token(tokenizer, token):
    """Returns id and text of a token, JSON-ready."""
    return {"id": int(token), "text": tokenizer.token_text(int(token))}


def counted_token(tokenizer, token, counts, total):
    """Returns a token as `named_token`, with how often it occurs and with its share of a total."""
    count = int(counts[token])
    return named_token(tokenizer, token) | {"count": count, "share": count / max(1, total)}


def spread(count, most=MAX_POINTS):
    """Returns about `most` ranks from 1 to `count` that lie evenly on a logarithmic axis."""
    if not count:
        return np.zeros(0, np.int64)
    return np.unique(np.geomspace(1, count, most).round().astype(np.int64))


def describe_lengths(lengths, counts, unit):
    """Returns a distribution of lengths, JSON-ready.

    Args:
        lengths: Different lengths, ascending, whole numbers of at least 1.
        counts: How often each occurs.
        unit: What a length is counted in.

    Returns:
        A dict: `unit`, `texts`, `mean`, percentiles by name, and `histogram`: `[first length, last
        length, texts]` for bins that grow by a factor. None without any text.
    """
    lengths, counts = np.asarray(lengths, np.int64), np.asarray(counts, np.int64)
    total = int(counts.sum())
    if not total:
        return None
    below = np.cumsum(counts)

    def percentile(share):  # the least length that as many texts do not exceed
        return int(lengths[np.searchsorted(below, share * total)])

    edges = np.geomspace(1, int(lengths[-1]) + 1, LENGTH_BINS + 1).round().astype(np.int64)
    edges = np.unique(edges)
    bins = np.add.reduceat(np.append(counts, 0), np.searchsorted(lengths, edges[:-1]))
    bins[np.searchsorted(lengths, edges[:-1]) == np.searchsorted(lengths, edges[1:])] = 0
    return {
        "unit": unit,
        "texts": total,
        "mean": float((lengths * counts).sum() / total),
        "least": int(lengths[0]),
        **{f"p{share}": percentile(share / 100) for share in (5, 25, 50, 75, 95, 99)},
        "most": int(lengths[-1]),
        "histogram": [
            [int(first), int(after) - 1, int(texts)]
            for first, after, texts in zip(edges, edges[1:], bins)
        ],
    }
