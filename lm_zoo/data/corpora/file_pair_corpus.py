"""Sentence pairs that are read from files whenever they are wanted, and never kept in memory."""

import functools

from lm_zoo.data.corpora.aligned_lines import aligned_lines
from lm_zoo.data.corpora.file_splits import FileSplits
from lm_zoo.data.corpora.marked_lines import plain_lines
from lm_zoo.data.corpora.pair_corpus import PairCorpus
from lm_zoo.data.corpora.records import RECORDS


class FilePairCorpus(PairCorpus):
    """Pairs from files, one pair in memory at a time.

    Args:
        name: As in `corpus.name`.
        source: Where the text comes from, for people.
        licence: For people.
        groups: Split -> its groups of files: a tuple of two `SourceFile`s, whose lines are aligned,
            or of one whose records have both sides.
        splitting: A `ByFraction` or `BySourceHash`, for the splits without files.
        cache: The cache folder, where files' digests are remembered.
        encoding: Of the files.
        read_lines: How the lines of aligned files are read.
        fields: For records: config field -> the name that it gives, of the source and the target.
    """

    def __init__(
        self,
        name,
        source,
        licence,
        groups,
        splitting,
        cache,
        encoding="utf-8",
        read_lines=plain_lines,
        fields=None,
    ):
        self.name = name
        self.source = source
        self.licence = licence
        self._splits = FileSplits(groups, splitting, cache)
        self._encoding = encoding
        self._read_lines = read_lines
        self._fields = fields or {}

    @functools.cached_property
    def num_bytes(self):
        return self._splits.num_bytes

    @property
    def asked_shares(self):
        return self._splits.asked_shares

    @functools.cached_property
    def fingerprint(self):
        return self._splits.fingerprint([self._encoding, *self._fields.values(), "pairs"])

    def raw_pairs(self, split):
        return self._splits.items(split, self._read, self._select)

    def _select(self, split, pairs):
        return self._splits.splitting.documents(split, pairs, lambda: self._length)

    def _read(self, groups):
        for group in groups:
            if len(group) == 2:
                yield from aligned_lines(*group, self._encoding, self._read_lines)
            else:
                yield from RECORDS[group[0].format](group[0], self._encoding, self._fields)

    @functools.cached_property
    def _length(self):
        """How many pairs the training files have; found by reading them once."""
        return sum(1 for _ in self._splits.training_items(self._read))
