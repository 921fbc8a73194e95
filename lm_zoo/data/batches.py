"""Batches as pure functions of (split, settings, step): any step can be computed at once.

So a run resumes at step s by starting at step s, and every worker can take its slice of the same
global batch. The first token of a split is never a target, for nothing stands before it; each of
the others is one, exactly once an epoch (overlapping windows excepted), and padding has weight 0.
"""

import math
import typing

import numpy as np
import tensorflow as tf

from lm_zoo.errors import UserError

ALL_ROWS = slice(None)


class Batch(typing.NamedTuple):
    """One step's input.

    Attributes:
        inputs: Token ids, int32 `(batch, length)`.
        targets: The token after each input, int32 `(batch, length)`.
        weights: 1 where the target counts, 0 on padding, float32 `(batch, length)`.
        reset: Whether carried state starts anew before this batch.
    """

    inputs: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    reset: bool

    document_starts = None  # rows are read through: see `PackedBatch`
    num_rows = None  # of the global batch: `data.batch_size`; see `PairBatch`

    @property
    def model_arguments(self):
        """What the model is told besides the inputs: keyword -> array with the rows first."""
        return {}


class ContiguousBatches:
    """The split cut into `batch_size` rows, read side by side from left to right.

    Row b of a step goes on exactly where row b of the step before stopped, so state can be carried:
    truncated back-propagation through time. Rows differ in length by one target at most; an epoch's
    last step is padded.

    Args:
        split: A `TokenSplit`.
        batch_size: Number of rows.
        sequence_length: Targets per row and step.

    Attributes:
        steps_per_epoch: Whole number of steps.
        num_targets: Targets an epoch, one less than the split has tokens.
    """

    def __init__(self, split, batch_size, sequence_length):
        self.split = split
        self.batch_size = batch_size
        self.sequence_length = sequence_length
        self.num_targets = split.num_tokens - 1
        if self.num_targets < batch_size * sequence_length:
            raise _too_short(split, batch_size * sequence_length + 1, batch_size, sequence_length)
        # Row b holds the targets after tokens row_starts[b] to row_starts[b + 1] - 1.
        self.row_starts = np.arange(batch_size + 1) * self.num_targets // batch_size
        longest = math.ceil(self.num_targets / batch_size)
        self.steps_per_epoch = math.ceil(longest / sequence_length)

    def num_rows(self, step):
        """Rows of the global batch of a step."""
        return self.batch_size

    def batch(self, step, rows=ALL_ROWS):
        """Returns the `Batch` of optimizer step `step`, counted from 0 over all epochs.

        Args:
            step: The step.
            rows: Which of its rows, a slice; no others are read.
        """
        starts, stops = self.target_ranges(step)[rows].T
        reset = step % self.steps_per_epoch == 0
        return _read(self.split, starts, stops - starts, self.sequence_length, reset)

    def target_ranges(self, step):
        """The targets of step `step`: those after tokens start to stop - 1, int64 `(batch, 2)`."""
        starts = self.row_starts[:-1] + step % self.steps_per_epoch * self.sequence_length
        starts = np.minimum(starts, self.row_starts[1:])
        stops = np.minimum(starts + self.sequence_length, self.row_starts[1:])
        return np.stack([starts, stops], axis=1)


class WindowBatches:
    """Windows of the split in a new random order each epoch, as one endless sequence.

    Step s takes windows `s * batch_size` to `(s + 1) * batch_size - 1` of that sequence, so a batch
    may reach into the next epoch and no window is left out. Windows carry no state: `reset` is
    always True.

    With `stride == sequence_length` each target is used once an epoch; the last window is padded.
    With a smaller stride windows overlap and targets are used several times; the last window then
    ends with the split, so that every target is used.

    Args:
        split: A `TokenSplit`.
        batch_size: Windows in a batch.
        sequence_length: Targets in a window.
        stride: Tokens from one window's start to the next's; 0 means `sequence_length`.
        seed: Of the order.

    Attributes:
        num_windows: Windows an epoch.
        steps_per_epoch: `num_windows / batch_size`, not rounded.
        num_targets: Targets an epoch, each as often as windows hold it.
    """

    def __init__(self, split, batch_size, sequence_length, stride=0, seed=0):
        stride = stride or sequence_length
        if not 1 <= stride <= sequence_length:
            raise UserError(
                f"task.window_stride: expected 0 (one window's length) to {sequence_length} "
                f"(task.sequence_length), received {stride}: tokens would be left out."
            )
        self.split = split
        self.batch_size = batch_size
        self.sequence_length = sequence_length
        self.stride = stride
        self.seed = seed
        self._single = split.num_tokens - 1  # targets, each counted once
        needed = (batch_size - 1) * stride + sequence_length + 1
        if split.num_tokens < needed:
            raise _too_short(split, needed, batch_size, sequence_length)
        if stride == sequence_length:
            self.num_windows = math.ceil(self._single / sequence_length)
            self.num_targets = self._single
        else:
            self.num_windows = math.ceil((self._single - sequence_length) / stride) + 1
            self.num_targets = self.num_windows * sequence_length
        self.steps_per_epoch = self.num_windows / batch_size

    def window_indices(self, step):
        """The windows of step `step`, int64 `(batch,)`; window w starts at token w * stride."""
        return shuffled(step, self.batch_size, self.num_windows, self.seed)

    def num_rows(self, step):
        """Rows of the global batch of a step."""
        return self.batch_size

    def batch(self, step, rows=ALL_ROWS):
        """Returns the `Batch` of optimizer step `step`, counted from 0; see `ContiguousBatches`."""
        starts = self.window_indices(step)[rows] * self.stride  # (batch,)
        if self.stride < self.sequence_length:
            starts = np.minimum(starts, self._single - self.sequence_length)
        lengths = np.minimum(self.sequence_length, self._single - starts)
        return _read(self.split, starts, lengths, self.sequence_length, reset=True)


def shuffled(step, batch_size, num_windows, seed):
    """Returns the windows of a step: a new random order each epoch, as one endless sequence.

    Args:
        step: Optimizer step, counted from 0 over all epochs.
        batch_size: Windows in a step.
        num_windows: Windows in an epoch.
        seed: Of the orders.

    Returns:
        int64 `(batch_size,)`.
    """
    places = step * batch_size + np.arange(batch_size, dtype=np.int64)
    epochs, places = np.divmod(places, num_windows)
    windows = np.empty_like(places)
    for epoch in np.unique(epochs):  # one, or two where the batch reaches into the next epoch
        here = epochs == epoch
        # One seed at a time: TensorFlow 2.21's index_shuffle refuses a seed for each index, which
        # its documentation allows. `max_index` is inclusive.
        with tf.device("CPU:0"):
            windows[here] = tf.random.experimental.index_shuffle(
                places[here],
                seed=np.array([seed, epoch], np.int64),
                max_index=np.int64(num_windows - 1),
            )
    return windows


def dataset(batches, start_step, stop_step=None, rows=ALL_ROWS):
    """Returns the batches of steps `start_step` to `stop_step - 1`, in order, prefetched.

    Args:
        batches: `ContiguousBatches`, `WindowBatches`, `PackedBatches` or `PairBatches`.
        start_step: First step.
        stop_step: The step after the last; None means without end.
        rows: Which rows of each global batch: a slice, or a function from a step to one.

    Returns:
        A `tf.data.Dataset` of `Batch`, `PackedBatch` or `PairBatch`.
    """
    rows_of = rows if callable(rows) else lambda step: rows
    varies = getattr(batches, "shapes_vary", False)
    signature = tf.nest.map_structure(
        lambda value: tf.TensorSpec(
            [None] * np.ndim(value) if varies else np.shape(value), np.asarray(value).dtype
        ),
        batches.batch(start_step, rows_of(start_step)),
    )

    def generate():
        step = start_step
        while stop_step is None or step < stop_step:
            yield batches.batch(step, rows_of(step))
            step += 1

    return tf.data.Dataset.from_generator(generate, output_signature=signature).prefetch(4)


def _read(split, starts, lengths, sequence_length, reset):
    """Reads one row from each start, padded with id 0 and weight 0 beyond its length."""
    tokens = np.zeros((len(starts), sequence_length + 1), np.int32)  # (batch, length + 1)
    for row, start, length in zip(tokens, starts.tolist(), lengths.tolist()):
        if length > 0:
            row[: length + 1] = split.read(start, start + length + 1)
    weights = np.arange(sequence_length) < lengths[:, None]  # (batch, length)
    inputs, targets = tokens[:, :-1] * weights, tokens[:, 1:] * weights
    return Batch(inputs, targets, weights.astype(np.float32), reset)


def _too_short(split, needed, batch_size, sequence_length):
    return UserError(
        f"data.batch_size: the {split.name} split has {split.num_tokens} tokens, one batch of "
        f"{batch_size} x {sequence_length} needs {needed}; give more text, or a smaller "
        f"data.batch_size or task.sequence_length."
    )
