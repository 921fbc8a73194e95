"""Bucketed batches as today's training step reads them: inputs, targets and weights."""

import typing

import numpy as np

from lm_zoo.data.batches import ALL_ROWS
from lm_zoo.data.bucketed_batches import BucketedBatches


class PairBatch(typing.NamedTuple):
    """A `FeatureBatch` of sources and targets, as a model of pairs is called.

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


class PairBatches(BucketedBatches):
    """`BucketedBatches` of the fields `source` and `target`, by the longer of both."""

    def __init__(self, source, target, max_source_length=0, max_target_length=0, **arguments):
        super().__init__(
            {"source": source, "target": target},
            by=("source", "target"),
            limits={"source": max_source_length, "target": max_target_length},
            **arguments,
        )
        self.split = target
        self.num_windows, self.num_targets = self.num_examples, self.num_tokens["target"]

    def batch(self, step, rows=ALL_ROWS):
        """Returns the `PairBatch` of a step."""
        features, reset, num_rows = super().batch(step, rows)
        targets, lengths = features["target"], features["target_lengths"]
        weights = np.arange(targets.shape[1]) < lengths[:, None]
        ends = np.take_along_axis(targets, np.maximum(lengths - 1, 0)[:, None], axis=1)
        inputs = np.concatenate([ends, targets[:, :-1]], axis=1) * weights
        return PairBatch(
            inputs,
            targets,
            weights.astype(np.float32),
            reset,
            features["source"],
            features["source_lengths"],
            num_rows,
        )
