"""Batches of whole documents, several to a row: a function of (split, settings, step) as well."""

import typing

import numpy as np

from lm_zoo.data.batches import ALL_ROWS, Batch, shuffled
from lm_zoo.data.packing import pack_documents, read_rows
from lm_zoo.errors import UserError


class PackedBatch(typing.NamedTuple):
    """One step's input, of rows that hold several documents.

    Attributes:
        inputs: As in `Batch`, and so the next two.
        targets: The token after each input.
        weights: 1 where the target counts, 0 on padding.
        reset: Always True.
        document_starts: True at the first input of each document, or of each piece of one too long
            for a row: nothing before it may be seen from it on. Bool `(batch, length)`.
    """

    inputs: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    reset: bool
    document_starts: np.ndarray

    num_rows = None  # of the global batch: `data.batch_size`

    @property
    def model_arguments(self):
        return {"document_starts": self.document_starts}


class PackedBatches:
    """Whole documents put together into windows, the windows in a new random order each epoch.

    Only documents longer than a window are cut; `lm_zoo.data.packing` says how windows are filled.
    Each document's first input is the end token before it. Every target is used exactly once an
    epoch, and steps follow one another as in `WindowBatches`.

    Args:
        split: A `TokenSplit` with `document_starts`.
        batch_size: Windows in a batch.
        sequence_length: Most targets in a window.
        across_documents: Whether a window is read through: its batches are `Batch`es then, without
            marks where documents start.
        seed: Of the order.

    Attributes:
        packing: The `Packing`.
        num_windows: Windows an epoch.
        steps_per_epoch: `num_windows / batch_size`, not rounded.
        num_targets: Targets an epoch, one less than the split has tokens.
        padding: Share of all places in windows that hold nothing.
    """

    def __init__(self, split, batch_size, sequence_length, across_documents=False, seed=0):
        if split.document_starts is None:
            raise UserError(
                f"task.layout: 'packed' needs documents, and the {split.name} split is one stream; "
                "set corpus.documents to 'file', 'line' or 'paragraph', read JSON lines, CSV or "
                "Parquet by corpus.text_field, or take task.layout='windows'."
            )
        self.split = split
        self.batch_size = batch_size
        self.sequence_length = sequence_length
        self.across_documents = across_documents
        self.seed = seed
        self.packing = pack_documents(split.document_starts, sequence_length)
        self.num_windows = self.packing.num_windows
        self.num_targets = int(split.document_starts[-1] - split.document_starts[0])
        if self.num_windows < batch_size:
            raise UserError(
                f"data.batch_size: the documents of the {split.name} split fill {self.num_windows} "
                f"windows of {sequence_length} tokens, expected at least one batch of "
                f"{batch_size}; give more text, or a smaller data.batch_size or "
                "task.sequence_length."
            )
        self.padding = 1 - self.num_targets / (self.num_windows * sequence_length)
        self.steps_per_epoch = self.num_windows / batch_size

    def window_indices(self, step):
        """The windows of step `step`, int64 `(batch,)`."""
        return shuffled(step, self.batch_size, self.num_windows, self.seed)

    def num_rows(self, step):
        """Rows of the global batch of a step."""
        return self.batch_size

    def batch(self, step, rows=ALL_ROWS):
        """Returns the `PackedBatch` (or `Batch`) of optimizer step `step`, counted from 0.

        Args:
            step: The step.
            rows: Which of its rows, a slice; no others are read.
        """
        pieces = [self.packing.pieces_of(window) for window in self.window_indices(step)[rows]]
        rows = read_rows(self.split, pieces, self.sequence_length)
        weights = rows.inside.astype(np.float32)
        if self.across_documents:
            return Batch(rows.inputs, rows.targets, weights, True)
        return PackedBatch(rows.inputs, rows.targets, weights, True, rows.starts)
