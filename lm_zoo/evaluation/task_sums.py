"""What a task counts, summed over all rows of a split: the evaluation that any task has."""

import numpy as np
import tensorflow as tf

from lm_zoo.compiled import compiled_for
from lm_zoo.distribution.open_shapes import of_any_shape
from lm_zoo.distribution.strategies import default_distribution


def total_sums(task, model, batches, distribution=None, on_progress=None):
    """Adds up `task.sums` over one epoch of batches, without dropout.

    Args:
        task: The `Task`.
        model: The model, made in the scope of the distribution's strategy.
        batches: `Batches` that carry no state. Their rows may not divide among the replicas.
        distribution: The `Distribution`; None is the device that TensorFlow chooses. Every process
            has to call this, and gets the same sums.
        on_progress: Called as `on_progress(weight so far, batches.num_targets)` after each batch.

    Returns:
        Name -> float: `objective`, `weight` and `task.figures`; and name -> float64 `(n,)` of
        `task.counts`.
    """
    distribution = distribution or default_distribution()
    names, totals = ("objective", "weight", *task.figures), 0.0
    for step in range(int(np.ceil(batches.steps_per_epoch))):
        # Rows beyond the batch count nothing, and each replica has to have one.
        num_rows = max(batches.num_rows(step), distribution.num_replicas)
        layout = distribution.row_layout(num_rows)
        features = {
            name: distribution.scatter_rows(part, layout)
            for name, part in batches.batch(step, layout.local_rows).features.items()
        }
        rows = distribution.local(_function_of(task, model, distribution, features)(features))
        rows = rows[:1] if distribution.num_workers > 1 else rows
        totals += np.concatenate([part.numpy() for part in rows]).sum(axis=0, dtype=np.float64)
        if on_progress:
            on_progress(int(totals[1]), batches.num_targets)
    found = dict(zip(names, totals[: len(names)].tolist()))
    counts = np.split(totals[len(names) :], max(1, len(task.counts)))
    return found | dict(zip(task.counts, counts))


def _function_of(task, model, distribution, features):
    """Returns the compiled function that gives each row's sums, `(rows, names and counts)`.

    Made once for a model and a strategy, and traced once for batches of all shapes.
    """
    strategy, gathers = distribution.strategy, distribution.num_workers > 1

    def make(reference):
        def on_replica(features):
            sums, _ = task.sums(reference(), features, (), training=False)
            parts = [sums.objective, sums.weight, *(sums.figures[name] for name in task.figures)]
            counts = [sums.figures[name] for name in task.counts]  # (B, n) each
            rows = tf.stack([tf.cast(part, tf.float32) for part in parts], axis=1)  # (B, names)
            rows = tf.concat([rows, *counts], axis=1)
            if gathers:  # every process gets all rows
                rows = tf.distribute.get_replica_context().all_gather(rows, axis=0)
            return rows

        return tf.function(
            lambda features: strategy.run(on_replica, (features,)),
            input_signature=of_any_shape((features,)),
            autograph=False,
        )

    key = ("evaluation.task_sums", task, strategy, tuple(sorted(features)))
    return compiled_for(model, key, make)
