"""A corpus: text in three splits, read piece by piece, with its origin, licence and identity."""

import dataclasses
import fractions
import functools
import hashlib
import json

from lm_zoo.text.cuts import parts
from lm_zoo.text.words import utf8

SPLITS = ("train", "validation", "test")


class Corpus:
    """Text in splits, read lazily and as often as asked: it may be far larger than memory.

    A split is either one stream (`has_documents` false: the text of a book, or of Penn Treebank) or
    a sequence of documents that have nothing to do with each other.

    Subclasses set the attributes and write `texts` and `fingerprint`.

    Attributes:
        fields: Names of the parts of a record, in their order.
        name: As in `corpus.name` of a config.
        source: Where the text comes from, for people.
        licence: Under what it may be used, for people.
        has_documents: Whether splits are sequences of documents.
        has_pairs: Whether each document is a sentence pair: two lines, the source and the target.
        num_bytes: About how many bytes are read for all splits, for progress bars; 0 if not known.
        asked_shares: Split -> the share of the text that it was to get, of validation and test where
            they are cut from the training text as the config says.
        report: What cleaning did, JSON-ready; empty where nothing was cleaned.
    """

    fields = ("text",)
    has_documents = False
    has_pairs = False
    num_bytes = 0
    asked_shares = {}
    report = {}

    @property
    def fingerprint(self):
        """A hex digest that changes when any split's text does; found without keeping the text."""
        raise NotImplementedError

    def texts(self, split):
        """Iterates over a split from its beginning.

        Args:
            split: "train", "validation" or "test"; a split may be empty.

        Returns:
            An iterator of strings: the documents, none empty; or consecutive parts of the stream,
            cut where `lm_zoo.text.cuts` says, which put together are the split's text.
        """
        raise NotImplementedError

    def records(self, split):
        """Iterates over a split's records: tuples of strings in the order of `fields`."""
        return ((text,) for text in self.texts(split))

    def columns(self, names):
        """Returns the `Corpus` of some fields, in their order: all its records, in the same order.

        Args:
            names: Their names.
        """
        if tuple(names) == self.fields:
            return self
        raise ValueError(f"{self.name} has the fields {self.fields}, received {names}")

    def column(self, name):
        """Returns the `Corpus` of one field; its documents are the records'."""
        return self.columns((name,))

    def text(self, split):
        """Returns the split's whole text, each document followed by a newline."""
        end = "\n" if self.has_documents else ""
        return "".join(text + end for text in self.texts(split))


@dataclasses.dataclass(frozen=True)
class TextCorpus(Corpus):
    """A corpus that is in memory: one stream a split.

    Attributes:
        splits: "train", "validation" and "test" -> text; a split may be empty, but not "train".
    """

    name: str
    splits: dict
    source: str
    licence: str

    @property
    def num_bytes(self):
        return sum(map(len, self.splits.values()))

    @functools.cached_property
    def sha256(self):
        """Split -> SHA-256, in hex, of its UTF-8 text."""
        return {name: hashlib.sha256(utf8(text)).hexdigest() for name, text in self.splits.items()}

    @property
    def fingerprint(self):
        return hashlib.sha256(json.dumps(self.sha256, sort_keys=True).encode()).hexdigest()

    def texts(self, split):
        return parts(self.splits[split])


def cut(text, validation_fraction, test_fraction):
    """Cuts a text into training, validation and test parts, in this order."""
    first, second = cut_places(len(text), validation_fraction, test_fraction)
    return text[:first], text[first:second], text[second:]


def cut_places(length, validation_fraction, test_fraction):
    """Returns where the validation part and the test part of `length` items begin.

    Places are rounded down to whole items in exact decimal arithmetic: with 0.1 and 0 the training
    part is nanoGPT's `text[:int(n * 0.9)]`, the validation part the rest, and 0.05 twice leaves
    90 %, which it does not in floating point.
    """
    validation = fractions.Fraction(str(float(validation_fraction)))
    test = fractions.Fraction(str(float(test_fraction)))
    return int(length * (1 - validation - test)), int(length * (1 - test))
