"""A step that keeps one of the documents that are the same to the letter."""

import functools
import hashlib

import numpy as np

from lm_zoo.text.cleaning.signatures import (
    EarlierDocument,
    new_array,
    old_array,
    partitions,
)
from lm_zoo.text.cleaning.step import Drop

FILE = "same-as"


def exact_duplicates(text, settings):
    """Documents that are the same as an earlier one go; test and validation keep theirs."""
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return np.frombuffer(digest, "<u8")


def fit_exact_duplicates(signatures, settings, directory):
    """Finds, for each document, the first with the same digest; a part of the digests at a time."""
    first = new_array(directory / FILE, "<i8", (signatures.count,))
    number = partitions(signatures.count)
    for part in range(number):
        digests, rows = [np.zeros((0, 2), "<u8")], [np.zeros(0, np.int64)]
        for start, block in signatures.parts():
            here = np.flatnonzero(block[:, 0] % np.uint64(number) == part)
            digests.append(block[here])
            rows.append(here + start)
        digests, rows = np.concatenate(digests), np.concatenate(rows)
        order = np.lexsort((rows, digests[:, 1], digests[:, 0]))
        digests, rows = digests[order], rows[order]
        begins = np.ones(len(rows), bool)
        begins[1:] = (digests[1:] != digests[:-1]).any(axis=1)
        first[rows] = rows[begins][np.cumsum(begins) - 1]
    return SameText(signatures, directory / FILE)


class SameText(EarlierDocument):
    """Says of each document whether an earlier one has its text."""

    def __init__(self, signatures, path):
        super().__init__(signatures)
        self.path = path

    def drop(self, row, first):
        return Drop("same text as an earlier document", self.signatures.document(first))

    @functools.cached_property
    def first(self):
        """Opened where it is first needed: in each worker process."""
        return old_array(self.path, "<i8", (self.signatures.count,))
