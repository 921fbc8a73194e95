"""Updates made by workers on their own, the parameters on servers: asynchronous training."""

import tensorflow as tf

from lm_zoo.errors import LostProcess, UserError
from lm_zoo.training.train_step import TrainStep

MAX_WAITING = 256  # steps handed out at once; each brings its batch along


def check(config, batches):
    """Raises a `UserError` for what asynchronous steps cannot train.

    Args:
        config: An `ExperimentConfig`.
        batches: The training `Batches`.
    """
    if batches.carries_state:
        raise UserError(
            "runtime.strategy: parameter_server runs steps in any order, but "
            "task.layout='contiguous' carries state from step to step; set task.layout to "
            "'windows' or 'packed', or use another strategy."
        )
    if config.training.histogram_interval:
        raise UserError(
            "training.histogram_interval: expected 0 with runtime.strategy='parameter_server', whose "
            f"updates overlap; received {config.training.histogram_interval}."
        )
    if config.training.precision == "float16":
        raise UserError(
            "runtime.strategy: parameter_server has no loss scaling, because workers would race "
            "to update the scale; received training.precision='float16', use 'bfloat16' or "
            "'float32'."
        )


class AsynchronousTrainStep(TrainStep):
    """Hands steps out to workers; each computes its batch's gradient and applies it at once.

    A worker's gradient is that of the parameters that it read, which others have changed since: the
    course of training is another one each time. What stays exact: every step is made by one worker
    and counts once, with its tokens, also if a worker dies and another one takes its step over. The
    chief reads the text, so each batch is the one that the step has in every other strategy, and
    dropout too is that of the step. A batch is not divided: its gradient is divided by its weight
    and clipped by its worker, which is what asynchrony allows.

    Steps are waited for before anything is read: a point on the curves, a validation, a checkpoint.

    Its arguments are those of `TrainStep`, the distribution one named `parameter_server`.

    Raises:
        UserError: For what asynchronous steps cannot train.
    """

    def __init__(self, task, model, batches, config, distribution):
        check(config, batches)
        self._coordinator = tf.distribute.coordinator.ClusterCoordinator(distribution.strategy)
        super().__init__(task, model, batches, config, distribution)
        self._learning_rate, self._next_step, self._waiting = None, 0, 0
        with self.strategy.scope():
            # Of each step that is handed out: its sums, gradient norm, and whether it is done.
            shape = (MAX_WAITING, len(self.row_sums) + 2)
            self._results = tf.Variable(tf.zeros(shape, tf.float64), trainable=False)
        self._function = tf.function(self._one_step, autograph=False)

    def run(self, step, learning_rates, batches):
        """Hands out several updates; see `TrainStep.run`."""
        for i, (rate, batch) in enumerate(zip(learning_rates, batches)):
            if self._waiting == MAX_WAITING:
                self.wait()
            if rate != self._learning_rate:  # to be shown; each step brings its own
                self.optimizer.learning_rate.assign(rate)
                self._learning_rate = rate
            rows = self.layout_of(batch.num_rows).rows_per_replica
            arguments = (
                tf.constant(step + i, tf.int64),
                tf.constant(self._waiting, tf.int32),
                tf.constant(rate, tf.float32),
                {  # (B, 1, ...)
                    name: _filled(part, rows)[:, None] for name, part in batch.features.items()
                },
            )
            self._coordinator.schedule(self._function, arguments)
            self._waiting += 1
            self._next_step = step + i + 1

    def _one_step(self, step, place, learning_rate, features):
        (sums, norm), gradients, _ = self.strategy.run(
            self._replica_step, (step, 0, tf.constant(False), features, ())
        )
        # A step whose worker died is made anew by another, unless only the answer was lost.
        done = self._results[place, -1] > 0.0
        tf.cond(
            done,
            lambda: tf.constant(False),
            lambda: self._apply(place, learning_rate, sums, norm, gradients),
        )

    def _apply(self, place, learning_rate, sums, norm, gradients):
        self._update(learning_rate, gradients)
        result = tf.cast(tf.concat([sums, [norm, 1.0]], 0), tf.float64)
        self._results.scatter_nd_update([[place]], [result])
        return tf.constant(True)

    def _count_update(self):
        # Keras' own counter reads, adds and writes, which loses counts when workers race.
        self.optimizer.iterations.value.assign_add(1)

    def wait(self):
        """Waits for the steps that were handed out, and adds up what they found."""
        if not self._waiting:
            return
        try:
            self._coordinator.join()
        except (tf.errors.UnavailableError, tf.errors.AbortedError) as error:
            raise LostProcess(
                "cluster: a parameter server ended or cannot be reached; start all processes "
                "again to continue from the last checkpoint."
            ) from error
        results = self._results.numpy()[: self._waiting]
        if not (results[:, -1] == 1.0).all():
            raise RuntimeError(f"{int(results[:, -1].sum())} of {self._waiting} steps were made")
        *sums, norms, steps = results.sum(axis=0)
        self._count(**dict(zip(self.row_sums, sums)), gradient_norm=norms, steps=steps)
        self._results.assign(tf.zeros_like(self._results))
        # A step that was made twice, its worker having died at the end of it, counts once.
        self.optimizer.iterations.assign(self._next_step)
        self._waiting = 0

    def take_sums(self):
        self.wait()
        return super().take_sums()

    def tensors(self):
        self.wait()
        return super().tensors()


def _filled(part, rows):
    """Rows of zeros bring the batch to a multiple of the micro-batches."""
    part = tf.convert_to_tensor(part)
    missing = rows - part.shape[0]
    return tf.pad(part, [[0, missing], *[[0, 0]] * (part.shape.rank - 1)]) if missing else part
