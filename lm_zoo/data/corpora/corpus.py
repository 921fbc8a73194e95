"""A corpus: three texts with their origin, licence and checksums."""

import dataclasses
import fractions
import functools
import hashlib

from lm_zoo.text.words import utf8

SPLITS = ("train", "validation", "test")


@dataclasses.dataclass(frozen=True)
class Corpus:
    """Text in three splits.

    Attributes:
        name: As in `data.corpus` of a config.
        splits: "train", "validation" and "test" -> text; a split may be empty, but not "train".
        source: Where the text comes from, for people.
        licence: Under what it may be used, for people.
    """

    name: str
    splits: dict
    source: str
    licence: str

    @functools.cached_property
    def sha256(self):
        """Split -> SHA-256, in hex, of its UTF-8 text."""
        return {name: hashlib.sha256(utf8(text)).hexdigest() for name, text in self.splits.items()}


def cut(text, validation_fraction, test_fraction):
    """Cuts a text into training, validation and test parts, in this order.

    Places are rounded down to whole characters in exact decimal arithmetic: with 0.1 and 0 the
    training part is nanoGPT's `text[:int(n * 0.9)]`, the validation part the rest, and 0.05 twice
    leaves 90 %, which it does not in floating point.
    """
    validation = fractions.Fraction(str(float(validation_fraction)))
    test = fractions.Fraction(str(float(test_fraction)))
    first = int(len(text) * (1 - validation - test))
    second = int(len(text) * (1 - test))
    return text[:first], text[first:second], text[second:]
