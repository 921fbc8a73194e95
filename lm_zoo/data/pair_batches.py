"""Batches of sentence pairs of about the same length: a function of (splits, settings, step)."""

import typing

import numpy as np
import tensorflow as tf

from lm_zoo.data.batches import ALL_ROWS
from lm_zoo.errors import UserError


class PairBatch(typing.NamedTuple):
    """One step's input, of a source and a target text in each row.

    Attributes:
        inputs: Target ids, int32 `(batch, length)`; the first is the end token.
        targets: The token after each input; the last is the end token.
        weights: 1 where the target counts, 0 on padding, float32 `(batch, length)`.
        reset: Always True.
        source_ids: int32 `(batch, source_length)`, each source with its end token.
        source_lengths: int32 `(batch,)`; 0 in a row that fills up the batch.
        num_rows: Rows of the global batch, of which these may be some.
    """

    inputs: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    reset: bool
    source_ids: np.ndarray
    source_lengths: np.ndarray
    num_rows: int

    document_starts = None

    @property
    def model_arguments(self):
        return {"source_ids": self.source_ids, "source_lengths": self.source_lengths}


class PairBatches:
    """Pairs in buckets of like length, the buckets' batches in a new random order each epoch.

    A bucket holds the pairs whose longer side fits it; all its batches have one shape. An epoch
    uses each pair exactly once: a bucket's last batch is filled up with rows that count nothing. So
    the pairs of step s follow from s alone, as in `WindowBatches`.

    Args:
        source: `TokenSplit` of the sources, a document each.
        target: `TokenSplit` of the targets, as many documents.
        batch_size: Pairs in a batch, where `batch_tokens` is 0.
        batch_tokens: Most tokens on either side of a batch, padding included; 0 means `batch_size`.
        max_source_length: Most tokens of a source, its end token included; 0 means any number.
        max_target_length: Most tokens of a target, its end token included; 0 means any number.
        too_long: What becomes of longer pairs: `error`, `truncate` (the end token stays) or `drop`.
        seed: Of the orders.

    Attributes:
        num_windows: Pairs in an epoch.
        num_dropped: Pairs left out because they are too long.
        num_truncated: Pairs of which a side is cut.
        num_targets: Targets in an epoch.
        steps_per_epoch: Whole number of steps.
        padding: Share of all target places that hold nothing.
        split: `target`.
        shapes_vary: True: other batches have the same shape at each step.
    """

    shapes_vary = True

    def __init__(
        self,
        source,
        target,
        batch_size=32,
        batch_tokens=0,
        max_source_length=0,
        max_target_length=0,
        too_long="error",
        seed=0,
    ):
        self.source, self.split, self.seed = source, target, seed
        lengths = np.stack([_lengths(source), _lengths(target)], axis=1)  # (pairs, 2)
        limits = np.array([max_source_length or 2**31, max_target_length or 2**31])
        self._limits, over = limits, (lengths > limits).any(axis=1)
        if over.any() and too_long == "error":
            raise _too_long(target.name, lengths, limits)
        # Document of each pair of an epoch.
        self._kept = np.flatnonzero(~over) if too_long == "drop" else np.arange(len(lengths))
        self.num_dropped = len(lengths) - len(self._kept)
        self.num_truncated = int(np.count_nonzero(over)) if too_long == "truncate" else 0
        lengths = np.minimum(lengths, limits)[self._kept]
        self.num_windows, self.num_targets = len(self._kept), int(lengths[:, 1].sum())
        if not self.num_windows:
            raise UserError(
                f"corpus.train_files: expected at least one pair in the {target.name} split, "
                "received none; give more text, or longer max_source_length and max_target_length."
            )
        longer = lengths.max(axis=1)
        bounds = _bounds(int(longer.max()))
        places = np.searchsorted(bounds, longer)
        self._buckets = []  # (pairs, length, rows)
        for index, length in enumerate(bounds):
            pairs = np.flatnonzero(places == index)
            if len(pairs):
                rows = max(1, batch_tokens // length) if batch_tokens else batch_size
                self._buckets.append((pairs, int(length), rows))
        batches = [-(-len(pairs) // rows) for pairs, _, rows in self._buckets]
        self._first = np.cumsum([0, *batches])  # the first batch of each bucket
        self.steps_per_epoch = int(self._first[-1])
        room = sum(n * rows * length for n, (_, length, rows) in zip(batches, self._buckets))
        self.padding = 1 - self.num_targets / room

    def num_rows(self, step):
        """Rows of the global batch of a step."""
        return self._place(step)[0][2]

    def window_indices(self, step):
        """The pairs of step `step`, int64 `(num_rows(step),)`; -1 fills up a bucket's last one."""
        (pairs, _, rows), batch, epoch = self._place(step)
        places = np.arange(batch * rows, min((batch + 1) * rows, len(pairs)))
        windows = np.full(rows, -1)
        windows[: len(places)] = pairs[_shuffled(places, (self.seed, epoch), len(pairs))]
        return windows

    def batch(self, step, rows=ALL_ROWS):
        """Returns the `PairBatch` of optimizer step `step`, counted from 0 over all epochs.

        Args:
            step: The step.
            rows: Which of its rows, a slice; no others are read.
        """
        (_, length, num_rows), _, _ = self._place(step)
        pairs = self.window_indices(step)[rows]
        # A bucket's length is rounded up; a model may have no places beyond its limits.
        source_length, length = np.minimum(length, self._limits).tolist()
        sources = np.zeros((len(pairs), source_length), np.int32)
        targets = np.zeros((len(pairs), length + 1), np.int32)
        counts = np.zeros((len(pairs), 2), np.int32)
        for row, pair in enumerate(pairs.tolist()):
            if pair >= 0:
                source, target = self.pair(pair)
                counts[row] = len(source) - 1, len(target) - 1
                sources[row, : len(source) - 1] = source[1:]
                targets[row, : len(target)] = target
        weights = np.arange(length) < counts[:, 1:]
        return PairBatch(
            targets[:, :-1] * weights,
            targets[:, 1:] * weights,
            weights.astype(np.float32),
            True,
            sources,
            counts[:, 0],
            num_rows,
        )

    def pair(self, index):
        """Returns source and target ids of a pair, each from the end token before it to its own."""
        ids, document = [], self._kept[index]
        for split, limit in zip((self.source, self.split), self._limits):
            begin, end = split.document_starts[document : document + 2]
            tokens = split.read(int(begin), int(end) + 1)
            if len(tokens) > limit + 1:
                tokens = np.append(tokens[:limit], tokens[-1])
            ids.append(tokens)
        return ids

    def _place(self, step):
        """The bucket of a step, which of its batches it is, and the epoch."""
        epoch, place = divmod(step, self.steps_per_epoch)
        key = (self.seed + 1, epoch)  # another order than that of the pairs
        batch = int(_shuffled(np.array([place]), key, self.steps_per_epoch)[0])
        bucket = int(np.searchsorted(self._first, batch, side="right")) - 1
        return self._buckets[bucket], batch - int(self._first[bucket]), epoch


def _bounds(longest):
    """Lengths of buckets: multiples of 4, each about a quarter more than the one before."""
    bounds = [8]
    while bounds[-1] < longest:
        bounds.append(max(bounds[-1] + 4, bounds[-1] * 5 // 4 // 4 * 4))
    return np.array(bounds)


def _lengths(split):
    if split.document_starts is None:
        raise UserError(
            f"task.name: 'translation' needs a text of one sentence a line on each side, and the "
            f"{split.name} split is one stream."
        )
    return np.diff(split.document_starts)


def _shuffled(places, key, size):
    with tf.device("CPU:0"):
        return tf.random.experimental.index_shuffle(
            places.astype(np.int64), seed=np.array(key, np.int64), max_index=np.int64(size - 1)
        ).numpy()


def _too_long(name, lengths, limits):
    over = np.flatnonzero((lengths > limits).any(axis=1))
    first = int(over[0])
    listed = [
        f"{side} of {length} tokens where {limit} are the most"
        for side, length, limit in zip(("a source", "a target"), lengths[first], limits)
        if length > limit
    ]
    return UserError(
        f"task.too_long: {len(over)} of {len(lengths)} pairs of the {name} split are too long for "
        f"the model (pair {first + 1}: {' and '.join(listed)}); set task.too_long to 'truncate' or "
        "'drop', or give the model a larger source_length and context_length."
    )
