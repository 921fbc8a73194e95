"""Defects of other training loops, put back into ours by hand: what invariance tests must find."""

import threading
from unittest import mock

import tensorflow as tf

from lm_zoo.layers import embedding
from lm_zoo.training.train_step import TrainStep


class SparseGradients(TrainStep):
    """Looks embeddings up as Keras does, and hands on the IndexedSlices of their gradients."""

    def loss_and_gradients(self, *arguments):
        with mock.patch.object(embedding, "_lookup", tf.gather):
            return super().loss_and_gradients(*arguments)

    def dense(self, gradient):
        return gradient

    def clipped_mean(self, gradients, divisor):
        norm, _ = super().clipped_mean(gradients, divisor)
        clip_norm = self.config.optimizer.clip_norm
        factor = tf.minimum(1.0, clip_norm / tf.maximum(norm, 1e-12)) / divisor
        return norm, [
            tf.IndexedSlices(g.values * factor, g.indices, g.dense_shape)
            if isinstance(g, tf.IndexedSlices)
            else g * factor
            for g in gradients
        ]


class ClipsBeforeReducing(TrainStep):
    """Clips each replica's own mean gradient, as Keras does, then averages the replicas."""

    def reduce(self, sums, gradients):
        scale = tf.convert_to_tensor(self.loss_scale) / (
            self.config.data.batch_size * self.config.task.sequence_length
        )
        divisor = scale * tf.maximum(sums[self.row_sums.index("weight")], 1.0)
        norm = tf.linalg.global_norm(gradients) / divisor
        factor = tf.minimum(1.0, self.config.optimizer.clip_norm / tf.maximum(norm, 1e-12))
        return super().reduce(sums, [g * factor for g in gradients])


class SameDropoutOnEachReplica(TrainStep):
    """Draws each replica's masks as if its rows were the first of the batch."""

    def first_row(self, num_rows):
        return 0


class LooksForOverflowOnTheFirstReplica(TrainStep):
    """Takes the update for finite if replica 0's own gradient is."""

    def __init__(self, *arguments):
        self._seen = threading.local()  # each replica is traced in a thread of its own
        super().__init__(*arguments)

    def reduce(self, sums, gradients):
        context = tf.distribute.get_replica_context()
        own = tf.math.is_finite(tf.linalg.global_norm(gradients))
        first = tf.equal(context.replica_id_in_sync_group, 0)
        finite = tf.cast(tf.logical_and(first, own), tf.float32)
        if self.distribution.num_replicas > 1:
            finite = context.all_reduce(tf.distribute.ReduceOp.SUM, finite)
        self._seen.finite = finite > 0
        return super().reduce(sums, gradients)

    def clipped_mean(self, gradients, divisor):
        _, gradients = super().clipped_mean(gradients, divisor)
        return tf.where(self._seen.finite, 1.0, float("inf")), gradients


DEFECTS = {
    "sparse_gradients": SparseGradients,
    "clip_before_reducing": ClipsBeforeReducing,
    "same_dropout": SameDropoutOnEachReplica,
    "overflow_on_first": LooksForOverflowOnTheFirstReplica,
}
