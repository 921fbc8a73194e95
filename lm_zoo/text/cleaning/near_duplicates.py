"""A step that keeps one of the documents that are nearly the same: MinHash and locality hashing.

Two documents are as similar as the Jaccard index of their sets of word n-grams: the share of what
they have together that they have in common. MinHash (Broder 1997) estimates it from the least
values of random hash functions over each set; documents that agree in a whole band of them (Indyk
and Motwani 1998) are compared by all of them.
"""

import functools

import numpy as np

from lm_zoo.text.cleaning.signatures import (
    EarlierDocument,
    new_array,
    old_array,
    partitions,
    rows_of_part,
)
from lm_zoo.text.cleaning.step import Drop
from lm_zoo.text.cleaning.units import mixed, ngram_hashes

HASHES = 128  # the estimate's standard error is at most 1 / (2 sqrt(128)) = 0.044
RECALL = 0.95  # of pairs that are just similar enough to be seen; more similar ones are likelier
ALL_PAIRS = 64  # documents of one bucket that are all compared with one another
AT_ONCE = 1 << 14  # rows of signatures in memory
SEED = 20231

_random = np.random.default_rng(SEED)
_FACTORS = _random.integers(0, 1 << 63, HASHES, np.uint64) * np.uint64(2) + np.uint64(1)
_OFFSETS = _random.integers(0, 1 << 63, HASHES, np.uint64)


def near_duplicates(text, settings):
    """Documents that are nearly the same as an earlier one go (MinHash of word n-grams)."""
    hashes = np.unique(ngram_hashes(text, settings.near_duplicate_words))
    least = np.full(HASHES, np.iinfo(np.uint64).max, np.uint64)
    for start in range(0, len(hashes), 1024):  # of this size it stays in the processor's cache
        values = hashes[start : start + 1024, None] * _FACTORS + _OFFSETS
        np.minimum(least, values.min(axis=0), out=least)
    return (least >> np.uint64(32)).astype("<u4")


def bands_and_rows(similarity):
    """Returns into how many bands of how many hashes a signature is cut.

    Documents meet if they agree in one band or more: with probability 1 - (1 - s^rows)^bands. Rows
    are as many, and so chance meetings as few, as finding `RECALL` of the pairs of the given
    similarity allows.
    """
    for rows in range(HASHES // 2, 1, -1):
        bands = HASHES // rows
        if 1 - (1 - similarity**rows) ** bands >= RECALL:
            return bands, rows
    return HASHES, 1


def fit_near_duplicates(signatures, settings, directory):
    """Finds the groups of similar documents; the first of each stays."""
    similarity = settings.near_duplicate_similarity
    bands, width = bands_and_rows(similarity)
    count = signatures.count
    rows = new_array(directory / "rows", "<u4", (count, HASHES))
    keys = new_array(directory / "keys", "<u8", (bands, count))
    for start, block in signatures.parts():
        for begin in range(0, len(block), AT_ONCE):
            part = block[begin : begin + AT_ONCE]
            at = slice(start + begin, start + begin + len(part))
            rows[at] = part
            for band in range(bands):
                keys[band, at] = _band_keys(part[:, band * width : (band + 1) * width])
    groups = Groups(new_array(directory / "parents", "<i8", (count,)))
    for band in range(bands):
        for bucket in _buckets(keys[band]):
            _join_similar(groups, rows, bucket, similarity)
    groups.settle()
    return SimilarText(signatures, directory)


class Groups:
    """Which documents belong together: each row's parent is an earlier row of its group, or itself.

    Args:
        parents: A writable array of one number a row.
    """

    def __init__(self, parents):
        self.parents = parents
        for start in range(0, len(parents), 1 << 20):
            end = min(len(parents), start + (1 << 20))
            parents[start:end] = np.arange(start, end)

    def root(self, row):
        """Returns the first row of the group."""
        parents = self.parents
        while (parent := int(parents[row])) != row:
            parents[row] = parents[parent]  # halves the way for the next time
            row = parent
        return row

    def join(self, one, other):
        one, other = sorted((self.root(one), self.root(other)))
        self.parents[other] = one

    def settle(self):
        """Makes every row's parent the first of its group; parents come before their children."""
        for start in range(0, len(self.parents), 1 << 20):
            part = self.parents[start : start + (1 << 20)]
            for row in np.flatnonzero(part != np.arange(start, start + len(part))) + start:
                self.parents[row] = self.parents[self.parents[row]]


class SimilarText(EarlierDocument):
    """Says of each document whether it is similar to an earlier one."""

    def __init__(self, signatures, directory):
        super().__init__(signatures)
        self.directory = directory

    def drop(self, row, first):
        alike = float((self._rows[row] == self._rows[first]).mean())
        detail = f"{self.signatures.document(first)}, similarity about {alike:.2f}"
        return Drop("nearly the same as an earlier document", detail)

    @functools.cached_property
    def first(self):
        return old_array(self.directory / "parents", "<i8", (self.signatures.count,))

    @functools.cached_property
    def _rows(self):
        return old_array(self.directory / "rows", "<u4", (self.signatures.count, HASHES))


def _band_keys(values):
    """Hashes each row of a band, shape `(rows, width)`, to one uint64."""
    keys = np.zeros(len(values), np.uint64)
    for column in values.T:
        keys = mixed(keys * np.uint64(3) + column.astype(np.uint64) + np.uint64(1))
    return keys


def _buckets(keys):
    """Yields the rows, in order, of each key that two documents or more have."""
    number = partitions(len(keys))
    for part in range(number):
        rows = rows_of_part(keys, part, number)
        here = keys[rows]
        order = np.argsort(here, kind="stable")
        rows, here = rows[order], here[order]
        edges = np.flatnonzero(here[1:] != here[:-1]) + 1
        begins, ends = np.append(0, edges), np.append(edges, len(here))
        for begin, end in zip(begins[ends - begins > 1], ends[ends - begins > 1]):
            yield rows[begin:end]


def _join_similar(groups, rows, bucket, similarity):
    """Joins the documents of a bucket that are similar by their whole signatures.

    Of a small bucket all pairs are looked at. In a large one each document is compared with the
    first of those that are left, again and again, so that time grows no faster than its groups.
    """
    roots = {groups.root(row) for row in bucket.tolist()}
    if len(roots) == 1:
        return
    if len(bucket) <= ALL_PAIRS:
        values = rows[bucket]
        for place, row in enumerate(bucket[:-1].tolist()):
            alike = (values[place + 1 :] == values[place]).mean(axis=1) >= similarity
            for other in bucket[place + 1 :][alike].tolist():
                groups.join(row, other)
        return
    while len(bucket) > 1:
        leader, others = int(bucket[0]), bucket[1:]
        left = []
        for start in range(0, len(others), AT_ONCE):
            part = others[start : start + AT_ONCE]
            alike = (rows[part] == rows[leader]).mean(axis=1) >= similarity
            for other in part[alike].tolist():
                groups.join(leader, other)
            left.append(part[~alike])
        bucket = np.concatenate(left)
