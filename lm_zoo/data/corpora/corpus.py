"""A corpus: records of text in three splits, read one by one, with origin, licence and identity."""

import dataclasses
import fractions
import functools
import hashlib
import itertools

from lm_zoo.data.digests import json_sha256
from lm_zoo.text.cuts import split_text
from lm_zoo.text.words import utf8

SPLITS = ("train", "validation", "test")


class Corpus:
    """Records in splits, read lazily and as often as asked: they may be far larger than memory.

    A record has one text or more, its fields. Of a corpus with one field, a split is either one
    stream (`has_documents` false: the text of a book, or of Penn Treebank) or a sequence of
    independent documents.

    Subclasses set the attributes and write `fingerprint`, and `texts` (for one field) or `records`.

    Attributes:
        fields: Names of the parts of a record, in their order.
        name: The value of `corpus.name` in a config.
        source: Where the text comes from, to be shown.
        licence: Its licence, to be shown.
        has_documents: Whether splits are sequences of documents.
        is_raw: Whether texts of records may be empty or hold line breaks, which cleaning fixes.
        num_bytes: About how many bytes are read for all splits, for progress bars; 0 if not known.
        asked_shares: Split -> the share of the text that it was to get, of validation and test where
            they are cut from the training text as the config says.
        report: What cleaning did, JSON-ready; empty where nothing was cleaned.
    """

    fields = ("text",)
    has_documents = False
    is_raw = False
    num_bytes = 0
    asked_shares = {}
    report = {}

    @property
    def fingerprint(self):
        """A hex digest that changes when any split's text does; found without keeping the text."""
        raise NotImplementedError

    def records(self, split):
        """Iterates over a split's records from its beginning: tuples in the order of `fields`.

        Args:
            split: "train", "validation" or "test"; a split may be empty.
        """
        return ((text,) for text in self.texts(split))

    def texts(self, split):
        """Iterates over a split's texts from its beginning, those of a record one after another.

        Args:
            split: "train", "validation" or "test"; a split may be empty.

        Returns:
            An iterator of strings: the documents, none empty; or consecutive parts of the stream,
            cut where `lm_zoo.text.cuts` says, which put together are the split's text.
        """
        return itertools.chain.from_iterable(self.records(split))

    def columns(self, names):
        """Returns the `Corpus` of some fields, in the order of `names`: all records, in order.

        Args:
            names: Names of fields.
        """
        names = tuple(names)
        return self if names == self.fields else Columns(self, names)

    def column(self, name):
        """Returns the `Corpus` of one field; its documents are the records'."""
        return self.columns((name,))

    def _take_over(self, corpus, *names):
        """Takes over attributes of a corpus that this one is made of: its origin, and `names`."""
        for name in ("source", "licence", "asked_shares", *names):
            setattr(self, name, getattr(corpus, name))

    def text(self, split):
        """Returns the split's whole text, each document followed by a newline."""
        end = "\n" if self.has_documents else ""
        return "".join(text + end for text in self.texts(split))


class Columns(Corpus):
    """Some of the fields of a corpus; see `Corpus.columns`.

    Args:
        corpus: The `Corpus`.
        names: Names of fields.
    """

    has_documents = True

    def __init__(self, corpus, names):
        self._corpus = corpus
        self._places = [corpus.fields.index(name) for name in names]
        self.fields = tuple(names)
        some = len(names) < len(corpus.fields)
        self.name = f"{corpus.name}-{'-'.join(names)}" if some else corpus.name
        self.num_bytes = corpus.num_bytes * len(names) // len(corpus.fields)
        self._take_over(corpus, "report", "is_raw")

    @property
    def fingerprint(self):
        return f"{self._corpus.fingerprint}-{'-'.join(self.fields)}"

    def records(self, split):
        for record in self._corpus.records(split):
            yield tuple([record[place] for place in self._places])


@dataclasses.dataclass(frozen=True)
class RecordCorpus(Corpus):
    """Records that are in memory.

    Attributes:
        splits: "train", "validation" and "test" -> a list of tuples of strings, none empty and none
            with a line break.
        fields: Names of the fields.
    """

    name: str
    splits: dict
    source: str
    licence: str
    fields: tuple

    has_documents = True

    @property
    def num_bytes(self):
        return sum(len(text) for split in self.splits for text in self.texts(split))

    @functools.cached_property
    def fingerprint(self):
        return json_sha256([self.fields, self.splits])

    def records(self, split):
        return iter(self.splits[split])


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
        return json_sha256(self.sha256)

    def texts(self, split):
        return split_text(self.splits[split])


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
