"""A corpus of sentence pairs: texts, each with what it is translated to."""

import dataclasses
import functools
import hashlib
import json

from lm_zoo.data.corpora.corpus import Corpus
from lm_zoo.text.lines import in_one_line

SIDES = ("source", "target")


class PairCorpus(Corpus):
    """Pairs of a source and a target text in splits, read lazily and as often as asked.

    As a `Corpus` it is the documents of both sides, each pair's source before its target: what a
    tokenizer for both is trained on. `column` gives one of them alone.

    Subclasses set `name`, `source`, `licence` and `num_bytes` (of both sides), and write
    `fingerprint` and `raw_pairs`.
    """

    fields = SIDES
    has_documents = True

    def pairs(self, split):
        """Iterates over a split's `(source, target)` strings from its beginning.

        Neither is empty or holds a line break. A split may be empty.
        """
        for pair in self.raw_pairs(split):
            source, target = map(in_one_line, pair)
            if source.strip() and target.strip():
                yield source, target

    def raw_pairs(self, split):
        """Iterates over a split's pairs as they are found, line breaks and empty sides included."""
        raise NotImplementedError

    def records(self, split):
        return self.pairs(split)

    def texts(self, split):
        for pair in self.pairs(split):
            yield from pair

    def columns(self, names):
        if tuple(names) == self.fields:
            return self
        (name,) = names
        return PairSide(self, name)


class PairSide(Corpus):
    """One side of a `PairCorpus`.

    Args:
        corpus: The `PairCorpus`.
        side: `source` or `target`.
    """

    has_documents = True

    def __init__(self, corpus, side):
        self._corpus = corpus
        self._place = SIDES.index(side)
        self.fields = (side,)
        self.name = f"{corpus.name}-{side}"
        self.source = corpus.source
        self.licence = corpus.licence
        self.num_bytes = corpus.num_bytes // 2
        self.report = corpus.report

    @property
    def fingerprint(self):
        return f"{self._corpus.fingerprint}-{SIDES[self._place]}"

    def texts(self, split):
        for pair in self._corpus.pairs(split):
            yield pair[self._place]


@dataclasses.dataclass(frozen=True)
class MemoryPairCorpus(PairCorpus):
    """Pairs that are in memory.

    Attributes:
        splits: "train", "validation" and "test" -> a list of `(source, target)` strings.
    """

    name: str
    splits: dict
    source: str
    licence: str

    @property
    def num_bytes(self):
        return sum(len(text) for pairs in self.splits.values() for pair in pairs for text in pair)

    @functools.cached_property
    def fingerprint(self):
        return hashlib.sha256(json.dumps(self.splits, sort_keys=True).encode()).hexdigest()

    def raw_pairs(self, split):
        return iter(self.splits[split])
