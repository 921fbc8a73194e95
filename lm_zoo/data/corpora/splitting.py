"""How one text becomes the training, validation and test splits."""

import dataclasses
import fractions
import hashlib
import itertools
import math

from lm_zoo.data.corpora.corpus import SPLITS, cut_places
from lm_zoo.text.words import utf8


@dataclasses.dataclass(frozen=True)
class ByFraction:
    """Validation and test are the end of the text, in this order: shares of its characters.

    Of documents, they are shares of their number, to the nearest whole one; a half is rounded up.
    """

    validation: float
    test: float

    def bounds(self, split, length):
        """Returns where a split begins and ends in `length` characters."""
        return _between(split, *cut_places(length, self.validation, self.test), length)

    def document_bounds(self, split, count):
        """Returns where a split begins and ends in `count` documents."""
        test = min(_nearest(count, self.test), count)
        validation = min(_nearest(count, self.validation), count - test)
        return _between(split, count - test - validation, count - test, count)

    def share(self, split):
        """Returns a split's share of the text: 1 is all of it, 0 nothing, whatever its length."""
        held_out = {"validation": self.validation, "test": self.test}
        return held_out.get(split, 1 - sum(held_out.values()))

    def stream(self, split, pieces, length):
        """Yields a split's characters from the text's pieces; `length()` is how many they have."""
        yield from between(pieces, *self.bounds(split, length()))

    def documents(self, split, documents, length):
        """Yields a split's documents; `length()` is how many there are in all."""
        yield from itertools.islice(documents, *self.document_bounds(split, length()))


@dataclasses.dataclass(frozen=True)
class ByDocumentHash:
    """A record's split follows from its first text alone, and stays when others are added.

    So all translations of a source are in the same split. The first 8 bytes of the SHA-256 of its
    UTF-8 text, read as a fraction of 1, are below the test
    share for test, below both shares together for validation, else for training.
    """

    validation: float
    test: float

    def split_of(self, text):
        place = int.from_bytes(hashlib.sha256(utf8(text)).digest()[:8], "big") / 2**64
        if place < self.test:
            return "test"
        return "validation" if place < self.test + self.validation else "train"

    share = ByFraction.share

    def documents(self, split, documents, length):
        """Yields a split's documents; `length` plays no part."""
        return (record for record in documents if self.split_of(record[0]) == split)


@dataclasses.dataclass(frozen=True)
class ByTurns:
    """Every `turn`-th document of the training files is validation; none is test."""

    turn: int

    def share(self, split):
        return {"train": 1 - 1 / self.turn, "validation": 1 / self.turn, "test": 0}[split]

    def documents(self, split, documents, length):
        """Yields a split's documents; `length` plays no part."""
        for number, document in enumerate(documents, 1):
            if (number % self.turn == 0) == (split == "validation"):
                yield document


@dataclasses.dataclass(frozen=True)
class ByBytes:
    """Validation and test are so many bytes at the end of the UTF-8 text, in this order.

    A cut inside a character is moved to before it.
    """

    validation: int
    test: int

    def share(self, split):
        """Returns None: a share is not configured, it follows from the text's length."""

    def stream(self, split, pieces, length):
        """Yields the text of a split; `length()` is the text's in bytes."""
        end = length()
        first, second = max(end - self.validation - self.test, 0), max(end - self.test, 0)
        bounds = {"train": (0, first), "validation": (first, second), "test": (second, end)}
        yield from between(pieces, *bounds[split], measure=_byte_length, index=_character_at)


def _nearest(count, share):
    """Returns the whole number nearest to a share of a count, in exact decimal arithmetic."""
    return math.floor(count * fractions.Fraction(str(float(share))) + fractions.Fraction(1, 2))


def _between(split, *places):
    """Returns where a split begins and ends, of where validation and test begin, and the end."""
    number = SPLITS.index(split)
    return (0, *places)[number], places[number]


def between(pieces, start, end, measure=len, index=lambda text, place: place):
    """Yields what lies from `start` to `end` of pieces put together.

    Args:
        pieces: Strings.
        start: Where to begin, in the unit of `measure`.
        end: Where to end.
        measure: Gives a string's length.
        index: Turns a length within a string into a number of its characters.
    """
    place = 0
    for piece in pieces if start < end else ():
        if place >= end:
            return
        length = measure(piece)
        first = index(piece, start - place) if start > place else 0
        last = index(piece, end - place) if end < place + length else len(piece)
        if first < last:
            yield piece[first:last]
        place += length


def _byte_length(text):
    return len(text) if text.isascii() else len(text.encode("utf-8"))


def _character_at(text, place):
    """How many characters end within the first `place` bytes of a text."""
    return len(text.encode("utf-8")[:place].decode("utf-8", errors="ignore"))
