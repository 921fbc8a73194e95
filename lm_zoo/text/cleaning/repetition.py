"""A step that drops documents which say the same thing again and again."""

import re

import numpy as np

from lm_zoo.text.cleaning.step import Drop
from lm_zoo.text.cleaning.units import words

# Gopher's limits (Rae et al. 2021, https://arxiv.org/abs/2112.11446, table A1). They are of
# characters, but for the two that count lines and paragraphs. A long n-gram need not recur often to
# fill a document.
DUPLICATE_LINES = 0.30
DUPLICATE_LINE_CHARACTERS = 0.20
DUPLICATE_PARAGRAPHS = 0.30
DUPLICATE_PARAGRAPH_CHARACTERS = 0.20
TOP_NGRAMS = {2: 0.20, 3: 0.18, 4: 0.16}
DUPLICATE_NGRAMS = {5: 0.15, 6: 0.14, 7: 0.13, 8: 0.12, 9: 0.11, 10: 0.10}

_BETWEEN_PARAGRAPHS = re.compile(r"\n\s*\n")


def repetition(text, settings):
    """Documents that repeat their lines, paragraphs or phrases go (Gopher's rules)."""
    scale = settings.repetition_tolerance
    for share, limit, what in repeated_shares(text):
        if share > scale * limit:
            return Drop(f"repeats its {what}", f"{share:.0%}, at most {scale * limit:.0%}")
    return text


def repeated_shares(text):
    """Yields `(share that is repeated, Gopher's limit, what is repeated)`, the cheapest first.

    What recurs is counted from its second time on. Shares of characters are of those inside lines,
    paragraphs or words, so white space counts nowhere.
    """
    kinds = (
        ("lines", text.split("\n"), DUPLICATE_LINES, DUPLICATE_LINE_CHARACTERS),
        (
            "paragraphs",
            _BETWEEN_PARAGRAPHS.split(text),
            DUPLICATE_PARAGRAPHS,
            DUPLICATE_PARAGRAPH_CHARACTERS,
        ),
    )
    for what, pieces, limit, character_limit in kinds:
        count, characters = _duplicates([piece.strip() for piece in pieces])
        yield count, limit, what
        yield characters, character_limit, f"{what}, by characters"
    yield from _ngram_shares(words(text))


def _duplicates(pieces):
    """Returns the shares of pieces, and of their characters, that were there before."""
    pieces = [piece for piece in pieces if piece]
    first = set(pieces)
    characters = sum(map(len, pieces))
    if len(first) == len(pieces):
        return 0.0, 0.0
    repeated = characters - sum(map(len, first))
    return 1 - len(first) / len(pieces), repeated / characters


def _ngram_shares(found):
    """The shares of characters in the commonest short n-gram, and in longer ones that recur."""
    numbers = {word: number for number, word in enumerate(dict.fromkeys(found))}
    word_ids = np.array([numbers[word] for word in found], np.int64)
    lengths = np.array([len(word) for word in found], np.int64)
    total = max(1, int(lengths.sum()))
    ngrams = word_ids  # of each place, the number of the n-gram that begins there
    before = np.concatenate([[0], np.cumsum(lengths)])  # characters before each word
    for size in range(2, max(DUPLICATE_NGRAMS) + 1):
        if len(found) <= size:  # a single n-gram, which cannot recur
            return
        pairs = ngrams[:-1] * len(numbers) + word_ids[size - 1 :]
        _, first, ngrams, counts = np.unique(
            pairs, return_index=True, return_inverse=True, return_counts=True
        )
        if counts.max() == 1:  # nor does any longer one recur then
            return
        if size in TOP_NGRAMS:
            spans = before[first + size] - before[first]
            top = int(np.where(counts > 1, counts * spans, 0).max())
            yield min(1.0, top / total), TOP_NGRAMS[size], f"commonest {size} words in a row"
        else:
            again = np.ones(len(ngrams), bool)
            again[first] = False
            covered = np.zeros(len(found) + 1, np.int64)
            places = np.flatnonzero(again)
            np.add.at(covered, places, 1)
            np.add.at(covered, places + size, -1)
            share = int(lengths[np.cumsum(covered[:-1]) > 0].sum()) / total
            yield share, DUPLICATE_NGRAMS[size], f"runs of {size} words"
