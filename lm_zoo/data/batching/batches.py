"""Batches as pure functions of (split, settings, step): any step can be computed at once.

So a run resumes at step s by starting at step s, and every worker can take its slice of the same
global batch. The first token of a split is never a target, for nothing stands before it; each of
the others is one, exactly once an epoch (overlapping windows excepted), and padding has weight 0.
"""

import math
import typing

import numpy as np
import tensorflow as tf

from lm_zoo.data.batching.packing import read_padded
from lm_zoo.errors import UserError

ALL_ROWS = slice(None)


class Batch(typing.NamedTuple):
    """One step's input.

    Attributes:
        features: Name -> array with the rows first. Which names there are is the batches' to say;
            they are the same at every step.
        reset: Whether carried state starts anew before this batch.
        num_rows: Rows of the global batch, of which these may be some.
    """

    features: dict
    reset: bool
    num_rows: int

    @property
    def shapes(self):
        """The shape of each feature; batches made in one call of TensorFlow have the same."""
        return {name: value.shape for name, value in self.features.items()}


class Batches:
    """The protocol of batches: a function of the step, so that a run resumes at any step at once.

    Attributes:
        carries_state: Whether each row goes on where it stopped the step before, so that the
            model's state is carried along; `Batch.reset` says where it starts anew.
        shapes_vary: Whether batches of other steps may have other shapes.
        steps_per_epoch: Steps in which each example is used once; need not be whole.
        num_examples: Examples (windows, rows or records) in an epoch.
        num_targets: Tokens in an epoch that are predicted or read.
        mean_length: Tokens of a row, on average, to estimate the work of a step from.
        padding: Share of all places in rows that hold nothing.
        num_dropped: Examples left out because they are too long.
        num_truncated: Examples that are cut because they are too long.
    """

    carries_state = False
    shapes_vary = False
    padding = 0.0
    num_dropped = num_truncated = 0

    def num_rows(self, step):
        """Rows of the global batch of a step: `batch_size`, where all have as many."""
        return self.batch_size

    def batch(self, step, rows=ALL_ROWS):
        """Returns the `Batch` of optimizer step `step`, counted from 0 over all epochs.

        Args:
            step: The step.
            rows: Which of its rows, a slice; no others are read.
        """
        raise NotImplementedError

    def examples_of(self, step):
        """Returns the examples of a step, int64 `(num_rows(step),)`; -1 for a row without any."""
        raise NotImplementedError

    def describe(self):
        """Returns a line: how the data is laid out."""
        raise NotImplementedError


class ContiguousBatches(Batches):
    """The split cut into `batch_size` rows, read side by side from left to right.

    Row b of a step goes on exactly where row b of the step before stopped, so state can be carried:
    truncated back-propagation through time. Rows differ in length by one target at most; an epoch's
    last step is padded.

    Args:
        split: A `TokenSplit`.
        batch_size: Number of rows.
        sequence_length: Targets per row and step.
    """

    carries_state = True

    def __init__(self, split, batch_size, sequence_length):
        self.split = split
        self.batch_size = self.num_examples = batch_size
        self.sequence_length = self.mean_length = sequence_length
        self.num_targets = split.num_tokens - 1
        if self.num_targets < batch_size * sequence_length:
            raise _too_short(split, batch_size * sequence_length + 1, batch_size, sequence_length)
        # Row b holds the targets after tokens row_starts[b] to row_starts[b + 1] - 1.
        self.row_starts = np.arange(batch_size + 1) * self.num_targets // batch_size
        longest = math.ceil(self.num_targets / batch_size)
        self.steps_per_epoch = math.ceil(longest / sequence_length)

    def batch(self, step, rows=ALL_ROWS):
        starts, stops = self.target_ranges(step)[rows].T
        reset = step % self.steps_per_epoch == 0
        features = _read(self.split, starts, stops - starts, self.sequence_length)
        return Batch(features, reset, self.batch_size)

    def describe(self):
        return f"{self.batch_size} rows of {self.sequence_length} tokens, contiguous"

    def target_ranges(self, step):
        """The targets of step `step`: those after tokens start to stop - 1, int64 `(batch, 2)`."""
        starts = self.row_starts[:-1] + step % self.steps_per_epoch * self.sequence_length
        starts = np.minimum(starts, self.row_starts[1:])
        stops = np.minimum(starts + self.sequence_length, self.row_starts[1:])
        return np.stack([starts, stops], axis=1)


class ShuffledBatches(Batches):
    """Windows in a new random order each epoch, as one endless sequence.

    Step s takes windows `s * batch_size` to `(s + 1) * batch_size - 1` of that sequence, so a batch
    may reach into the next epoch and no window is left out. Windows carry no state: `reset` is
    always True. Subclasses set `batch_size`, `num_examples` and `seed`.
    """

    def examples_of(self, step):
        """Returns the windows of a step, int64 `(batch,)`."""
        places = step * self.batch_size + np.arange(self.batch_size, dtype=np.int64)
        epochs, places = np.divmod(places, self.num_examples)
        windows = np.empty_like(places)
        for epoch in np.unique(epochs):  # one, or two where the batch reaches into the next epoch
            here = epochs == epoch
            # One seed at a time: index_shuffle refuses a seed for each index, which its
            # documentation allows.
            windows[here] = shuffled(places[here], (self.seed, epoch), self.num_examples)
        return windows


class WindowBatches(ShuffledBatches):
    """Windows of the split, which may overlap; window w starts at token w * stride.

    With `stride == sequence_length` each target is used once an epoch; the last window is padded.
    With a smaller stride windows overlap and targets are used several times; the last window then
    ends with the split, so that every target is used.

    Args:
        split: A `TokenSplit`.
        batch_size: Windows in a batch.
        sequence_length: Targets in a window.
        stride: Tokens from one window's start to the next's; 0 means `sequence_length`.
        seed: Of the order.
    """

    def __init__(self, split, batch_size, sequence_length, stride=0, seed=0):
        stride = stride or sequence_length
        if not 1 <= stride <= sequence_length:
            raise UserError(
                f"task.window_stride: expected 0 (one window's length) to {sequence_length} "
                f"(task.sequence_length), received {stride}: tokens would be skipped."
            )
        self.split = split
        self.batch_size = batch_size
        self.sequence_length = self.mean_length = sequence_length
        self.stride = stride
        self.seed = seed
        self._single = split.num_tokens - 1  # targets, each counted once
        needed = (batch_size - 1) * stride + sequence_length + 1
        if split.num_tokens < needed:
            raise _too_short(split, needed, batch_size, sequence_length)
        if stride == sequence_length:
            self.num_examples = math.ceil(self._single / sequence_length)
            self.num_targets = self._single
        else:
            self.num_examples = math.ceil((self._single - sequence_length) / stride) + 1
            self.num_targets = self.num_examples * sequence_length
        self.steps_per_epoch = self.num_examples / batch_size

    def batch(self, step, rows=ALL_ROWS):
        starts = self.examples_of(step)[rows] * self.stride  # (batch,)
        if self.stride < self.sequence_length:
            starts = np.minimum(starts, self._single - self.sequence_length)
        lengths = np.minimum(self.sequence_length, self._single - starts)
        features = _read(self.split, starts, lengths, self.sequence_length)
        return Batch(features, True, self.batch_size)

    def describe(self):
        return f"{self.batch_size} rows of {self.sequence_length} tokens, windows"


def shuffled(places, key, size):
    """Returns where places of a row of `size` go in the random order of a key, int64.

    Args:
        places: Integers below `size`.
        key: The order's seed, two integers.
        size: How many places there are.
    """
    with tf.device("CPU:0"):
        return tf.random.experimental.index_shuffle(
            places.astype(np.int64), seed=np.array(key, np.int64), max_index=np.int64(size - 1)
        ).numpy()  # `max_index` is inclusive


def _read(split, starts, lengths, sequence_length):
    """Reads one row from each start, padded with id 0 and weight 0 beyond its length.

    Returns:
        `token_ids`, int32 `(batch, length)`; `targets`, the token after each; `weights`, 1 where
        the target counts and 0 on padding, float32.
    """
    tokens = read_padded(split, starts, lengths, sequence_length)
    weights = np.arange(sequence_length) < lengths[:, None]  # (batch, length)
    return {
        "token_ids": tokens[:, :-1] * weights,
        "targets": tokens[:, 1:] * weights,
        "weights": weights.astype(np.float32),
    }


def _too_short(split, needed, batch_size, sequence_length):
    return UserError(
        f"data.batch_size: the {split.name} split has {split.num_tokens} tokens, and one batch of "
        f"{batch_size} x {sequence_length} needs {needed}; use more text, or a smaller "
        "data.batch_size or task.sequence_length."
    )
