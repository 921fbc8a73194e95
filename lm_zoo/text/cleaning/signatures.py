"""What documents are compared by, on disk: a corpus may have more documents than memory."""

import bisect
import dataclasses
import itertools
import pathlib

import numpy as np

PARTITION = 1 << 22  # values that are sorted at once: some 100 MB


@dataclasses.dataclass(frozen=True)
class SignatureBlock:
    """The signatures of one block of documents.

    Attributes:
        split: Of the block.
        number: Of the block.
        path: Of the signatures: one row a document or, if merged, one sorted array.
        numbers_path: Of the documents' numbers in their split, int64; None if merged.
        count: Documents or, if merged, values.
        dtype: Of the signatures.
    """

    split: str
    number: int
    path: pathlib.Path
    numbers_path: pathlib.Path | None
    count: int
    dtype: str

    def read(self):
        """Returns the signatures, shape `(count, width)`, memory-mapped."""
        if not self.count:
            return np.zeros((0, 1), self.dtype)
        return np.memmap(self.path, self.dtype, "r").reshape(self.count, -1)


class Signatures:
    """All signatures of a corpus; its documents are rows, counted from 0 over all blocks.

    Args:
        blocks: The `SignatureBlock`s, in order.
    """

    def __init__(self, blocks):
        self.blocks = tuple(blocks)
        self.starts = (0, *itertools.accumulate(block.count for block in self.blocks))
        self._places = {(b.split, b.number): s for b, s in zip(self.blocks, self.starts)}

    @property
    def count(self):
        return self.starts[-1]

    def row(self, block, place):
        """Returns the row of a block's document."""
        return self._places[block.split, block.number] + place

    def document(self, row):
        """Returns what people call the document of a row: "document 12 of train"."""
        at = bisect.bisect_right(self.starts, row) - 1
        block = self.blocks[at]
        numbers = np.memmap(block.numbers_path, "<i8", "r")
        return f"document {numbers[row - self.starts[at]] + 1:,} of {block.split}"

    def parts(self):
        """Yields `(first row, signatures)` of every block."""
        for start, block in zip(self.starts, self.blocks):
            yield start, block.read()


class EarlierDocument:
    """Says of each document whether an earlier one stands for it.

    Subclasses have `first`, each row's first of its kind, an array, and write `drop`.

    Args:
        signatures: The `Signatures`.
    """

    def __init__(self, signatures):
        self.signatures = signatures

    def check(self, block, place, text):
        row = self.signatures.row(block, place)
        first = int(self.first[row])
        return None if first == row else self.drop(row, first)

    def drop(self, row, first):
        """Returns the `Drop` of a row whose first is an earlier one."""
        raise NotImplementedError


def new_array(path, dtype, shape):
    """Returns a writable array of zeros in a file; an empty one is in memory."""
    if not np.prod(shape):
        return np.zeros(shape, dtype)
    return np.memmap(path, dtype, "w+", shape=shape).view(np.ndarray)  # which is faster to index


def old_array(path, dtype, shape):
    """Returns what `new_array` made, for reading only."""
    if not np.prod(shape):
        return np.zeros(shape, dtype)
    return np.memmap(path, dtype, "r", shape=shape).view(np.ndarray)


def rows_of_part(keys, part, number):
    """Returns the rows whose key belongs to a part, in order; looks at few keys at a time."""
    found = [np.zeros(0, np.int64)]
    for start in range(0, len(keys), PARTITION):
        here = keys[start : start + PARTITION] % np.uint64(number) == part
        found.append(np.flatnonzero(here) + start)
    return np.concatenate(found)


def partitions(count):
    """Returns in how many parts so many values are looked at, one after the other."""
    return max(1, -(-count // PARTITION))
