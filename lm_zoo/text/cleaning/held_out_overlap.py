"""A step that takes out of the training text what validation or test will ask about."""

import functools

import numpy as np

from lm_zoo.text.cleaning.signatures import old_array, partitions
from lm_zoo.text.cleaning.step import Drop
from lm_zoo.text.cleaning.units import ngram_hashes

FILE = "held-out"


def held_out_overlap(text, settings):
    """Training documents that share an n-gram with validation or test go, as for GPT-3."""
    return ngram_hashes(text, settings.overlap_words)


def fit_held_out_overlap(signatures, settings, directory):
    """Merges the blocks' sorted n-grams to one sorted table, a range of hashes at a time."""
    number, count = partitions(signatures.count), 0
    edges = [part * ((1 << 64) // number) for part in range(number)]
    with open(directory / FILE, "wb") as file:
        for low, high in zip(edges, [*edges[1:], None]):
            pieces = [_between(block[:, 0], low, high) for _, block in signatures.parts()]
            merged = np.unique(np.concatenate([np.zeros(0, "<u8"), *pieces]))
            file.write(merged.astype("<u8").tobytes())
            count += len(merged)
    return HeldOutText(directory / FILE, count, settings)


def _between(values, low, high):
    begin = np.searchsorted(values, np.uint64(low))
    end = len(values) if high is None else np.searchsorted(values, np.uint64(high))
    return values[begin:end]


class HeldOutText:
    """Says of each training document whether it shares n-grams with what is held out."""

    def __init__(self, path, count, settings):
        self.path = path
        self.count = count
        self.settings = settings

    def check(self, block, place, text):
        if block.split != "train" or not self.count:
            return None
        hashes = ngram_hashes(text, self.settings.overlap_words)
        table = self._table
        places = np.minimum(np.searchsorted(table, hashes), self.count - 1)
        shared = int(np.count_nonzero(table[places] == hashes))
        if shared <= self.settings.max_overlap * len(hashes):
            return None
        detail = f"{shared:,} of its {len(hashes):,} n-grams"
        return Drop("shares n-grams with validation or test", detail)

    @functools.cached_property
    def _table(self):
        """Opened where it is first needed: in each worker process."""
        return old_array(self.path, "<u8", (self.count,))
