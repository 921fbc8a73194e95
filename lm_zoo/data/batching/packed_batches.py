"""Batches of whole documents, several to a row: a function of (split, settings, step) as well."""

import numpy as np

from lm_zoo.data.batching.batches import ALL_ROWS, Batch, ShuffledBatches
from lm_zoo.data.batching.packing import pack_documents, read_rows
from lm_zoo.errors import UserError


class PackedBatches(ShuffledBatches):
    """Whole documents put together into windows, the windows in a new random order each epoch.

    Only documents longer than a window are cut; `lm_zoo.data.batching.packing` says how windows are filled.
    Each document's first input is the end token before it. Every target is used exactly once an
    epoch, and steps follow one another as in `WindowBatches`.

    Args:
        split: A `TokenSplit` with `document_starts`.
        batch_size: Windows in a batch.
        sequence_length: Most targets in a window.
        across_documents: Whether a window is read through: its batches are then without marks where
            documents start.
        seed: Of the order.

    Attributes:
        packing: The `Packing`.
    """

    def __init__(self, split, batch_size, sequence_length, across_documents=False, seed=0):
        if split.document_starts is None:
            raise UserError(
                f"task.layout: 'packed' needs documents, and the {split.name} split is one "
                "stream; set corpus.documents to 'file', 'line' or 'paragraph', read JSON lines, "
                "CSV or Parquet by corpus.text_field, or use task.layout='windows'."
            )
        self.split = split
        self.batch_size = batch_size
        self.sequence_length = self.mean_length = sequence_length
        self.across_documents = across_documents
        self.seed = seed
        self.packing = pack_documents(split.document_starts, sequence_length)
        self.num_examples = self.packing.num_windows
        self.num_targets = int(split.document_starts[-1] - split.document_starts[0])
        if self.num_examples < batch_size:
            raise UserError(
                f"data.batch_size: the documents of the {split.name} split fill "
                f"{self.num_examples} windows of {sequence_length} tokens, expected at least one "
                f"batch of {batch_size}; use more text, or a smaller data.batch_size or "
                "task.sequence_length."
            )
        self.padding = 1 - self.num_targets / (self.num_examples * sequence_length)
        self.steps_per_epoch = self.num_examples / batch_size

    def batch(self, step, rows=ALL_ROWS):
        """Returns the `Batch` of a step; see `Batches.batch`.

        Besides `token_ids`, `targets` and `weights` it has, unless windows are read through,
        `document_starts`: True at the first input of each document, or of each piece of one too
        long for a row: nothing before it may be seen from it on. Bool `(batch, length)`.
        """
        pieces = [self.packing.pieces_of(window) for window in self.examples_of(step)[rows]]
        read = read_rows(self.split, pieces, self.sequence_length)
        weights = read.inside.astype(np.float32)
        features = {"token_ids": read.inputs, "targets": read.targets, "weights": weights}
        if not self.across_documents:
            features["document_starts"] = read.starts
        return Batch(features, True, self.batch_size)

    def describe(self):
        return (
            f"{self.batch_size} rows of {self.sequence_length} tokens, packed ({self.padding:.2%} "
            "padding)"
        )
