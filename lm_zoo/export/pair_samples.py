"""Pairs of texts to verify an export with: the run's own, hard ones, and some of full length."""

from lm_zoo.errors import UserError
from lm_zoo.export.samples import EXAMPLE, HARD, PLAIN

MOST_PAIRS = 4  # of the run's own
SEARCHED = 2000  # pairs among which the longest is looked for


def sample_pairs(run, max_source_length, max_length):
    """Returns pairs of texts that the model can read whole.

    Args:
        run: The `Run` of a model that reads a source.
        max_source_length: Most tokens of a source, its end included, or None.
        max_length: Likewise of a target.

    Returns:
        `(sources, targets)`: two lists of strings of the same length.
    """
    source_tokenizer, tokenizer = run.source_tokenizer, run.tokenizer
    pairs = [
        (source, target)
        for source, target in held_out_pairs(run)
        if _fits(source_tokenizer, source, max_source_length)
        and _fits(tokenizer, target, max_length)
    ]
    longest = max(pairs, key=lambda pair: len(pair[0]) + len(pair[1]), default=None)
    pairs = pairs[:MOST_PAIRS] + ([longest] if longest else [])
    texts = [*HARD, PLAIN.strip()]
    for source, target in zip(texts, [*texts[1:], texts[0]]):
        pairs.append(
            (
                _shortened(source_tokenizer, source, max_source_length),
                _shortened(tokenizer, target, max_length),
            )
        )
    sources, targets = zip(*dict.fromkeys(pairs))
    return list(sources), list(targets)


def example_pair(sources, targets):
    """Returns the longest of the pairs that is easily shown, or else the first."""
    shown = [
        (source, target)
        for source, target in zip(sources, targets)
        if source.strip() and target and max(len(source), len(target)) <= EXAMPLE
    ]
    return max(shown, key=lambda pair: len(pair[0]), default=(sources[0], targets[0]))


def held_out_pairs(run):
    """Returns the first `(source, target)` validation pairs of a run, none where it has none."""
    try:
        sources, targets = run.pairs("validation")
    except UserError:
        return []
    return list(zip(sources[:SEARCHED], targets[:SEARCHED]))


def _fits(tokenizer, text, limit):
    return limit is None or len(tokenizer.encode(text)) < limit


def _shortened(tokenizer, text, limit):
    """Returns as many of the first words or characters as fit."""
    while not _fits(tokenizer, text, limit):
        text = text[: len(text) // 2]
    return text
