"""One optimizer step as a TensorFlow function, and every tensor that it carries from step to step.

The order that keeps the result independent of how the batch is divided: sum the gradients of the
task's objective over micro-batches (and replicas), divide once by the sum of the weights, clip by
the global norm, update.
"""

import numpy as np
import tensorflow as tf

from lm_zoo.distribution.open_shapes import of_any_shape
from lm_zoo.distribution.strategies import default_distribution
from lm_zoo.layers.dropout import dropout_scope
from lm_zoo.model_tensors import (
    assign_tensors,
    check_tensor,
    ema_tensors,
    model_tensors,
)
from lm_zoo.training.optimizers import build_optimizer

INITIAL_LOSS_SCALE = 2.0**15  # as Micikevicius et al. 2018 and PyTorch's GradScaler, give or take 2
LOSS_SCALE_GROWTH_INTERVAL = 2000  # finite steps after which the scale is doubled


class TrainStep:
    """Holds model, optimizer, carried state and running sums; calling it makes updates.

    Everything needed to go on bit-identically is in `tensors()`. The methods without underscore
    that the step is made of are replaced by tests, which put the defects of other loops back in.

    Args:
        task: The `Task`, which gives each row's sums.
        model: The model that it is trained on, made in the scope of the distribution's strategy.
        batches: The training `Batches`: whether they carry state, and whether their shapes vary.
        config: An `ExperimentConfig`.
        distribution: A `Distribution`; None is the device that TensorFlow chooses.

    Attributes:
        sums: Name -> variable: what the steps since `take_sums` added up.
        gradients: With `training.histogram_interval`, the clipped mean gradient of the last step,
            a variable for each trainable one; else empty.
    """

    def __init__(self, task, model, batches, config, distribution=None):
        self.task = task
        self.model = model
        self.config = config
        self.distribution = distribution or default_distribution()
        self.strategy = self.distribution.strategy
        self.layout = self.distribution.row_layout(
            config.data.batch_size, config.runtime.micro_batches
        )
        self.carries_state = batches.carries_state
        self.scales_loss = config.training.precision == "float16"
        self.row_sums = ("objective", "weight", *task.figures)  # what each row adds to
        with self.strategy.scope():
            self._make_variables()
            self._initial_state = ()
            if self.carries_state:
                self._initial_state = self.strategy.run(
                    tf.function(self._replica_initial_state, autograph=False)
                )
        self.carried = self._initial_state
        compiled = {"jit_compile": True} if config.runtime.jit_compile else {}
        self._loss_and_gradients = tf.function(self.loss_and_gradients, autograph=False, **compiled)
        # One trace does for batches of all shapes; XLA needs one for each.
        self._shapes_vary = batches.shapes_vary and not config.runtime.jit_compile
        self._run = None

    def _make_variables(self):
        config = self.config
        self.optimizer = build_optimizer(config.optimizer, self.model.trainable_variables)
        self.ema = ()
        if config.optimizer.ema_decay:
            self.ema = tuple(
                tf.Variable(tf.convert_to_tensor(v), trainable=False, name="ema")
                for v in self.model.trainable_variables
            )
        self.gradients = ()
        if config.training.histogram_interval:
            self.gradients = tuple(
                tf.Variable(tf.zeros(v.shape), trainable=False)
                for v in self.model.trainable_variables
            )
        # Sums since the last point on the curves: part of a checkpoint, so that a resumed run draws
        # the same point.
        self.sums = {
            name: _scalar(0.0, tf.float64)
            for name in (*self.row_sums, "gradient_norm", "steps", "skipped")
        }
        self.loss_scale = _scalar(INITIAL_LOSS_SCALE if self.scales_loss else 1.0, tf.float32)
        self.finite_steps = _scalar(0.0, tf.float32)

    def _replica_initial_state(self):
        if not self.carries_state:
            return ()
        return self.task.initial_state(self.model, self.layout.rows_per_replica)

    def __call__(self, step, learning_rate, batch):
        """Makes update number `step` (from 0) on a `Batch`, adding to `sums`."""
        self.run(step, [learning_rate], [batch])

    def run(self, step, learning_rates, batches):
        """Makes several updates in one call of TensorFlow.

        Args:
            step: Number of the first, from 0.
            learning_rates: One for each update.
            batches: A `Batch` for each update, with this process' rows of the global batch.
        """
        layout = self.layout_of(batches[0].num_rows)
        names = batches[0].features
        features = {name: np.stack([b.features[name] for b in batches], axis=1) for name in names}
        # The scope makes the update one across replicas.
        with self.strategy.scope():
            arguments = (
                tf.constant(step, tf.int64),
                tf.constant(learning_rates, tf.float32),
                tf.constant([bool(batch.reset) for batch in batches]),
                {name: self.distribution.scatter_rows(f, layout) for name, f in features.items()},
                self.carried,
            )
            if self._run is None:
                signature = of_any_shape(arguments) if self._shapes_vary else None
                self._run = tf.function(self._steps, input_signature=signature, autograph=False)
            self.carried = self._run(*arguments)

    def layout_of(self, num_rows):
        """Returns the `RowLayout` of a global batch of so many rows."""
        return self.distribution.row_layout(int(num_rows), self.config.runtime.micro_batches)

    def wait(self):
        """Returns when all updates are made; here they are when `run` returns."""

    def take_sums(self):
        """Returns the sums since the last call as floats, and begins new ones."""
        values = {name: float(variable.numpy()) for name, variable in self.sums.items()}
        with self.strategy.scope():
            for variable in self.sums.values():
                variable.assign(0.0)
        return values

    def _variables(self):
        named = model_tensors(self.model)
        named.update({f"optimizer/{i:04d}": v for i, v in enumerate(self.optimizer.variables)})
        named.update(ema_tensors(self.model, self.ema))
        named.update({f"sums/{name}": v for name, v in self.sums.items()})
        named["loss_scale"], named["finite_steps"] = self.loss_scale, self.finite_steps
        return named

    def tensors(self):
        """Returns name -> tensor for everything a checkpoint must hold.

        Carried state is that of the rows of the global batch in their order, so the number of
        replicas may change from run to run. Every process has to call this.
        """
        flat = tf.nest.flatten(self.carried)
        rows = self.config.data.batch_size
        with self.strategy.scope():
            gathered = self.distribution.gather(flat)
        carried = {f"carried/{i:04d}": value[:rows] for i, value in enumerate(gathered)}
        return self._variables() | carried

    def restore(self, tensors):
        """Takes over what `tensors()` named, from a checkpoint's arrays."""
        with self.strategy.scope():
            assign_tensors(self._variables(), tensors)
        whole = tf.nest.map_structure(
            lambda t: np.zeros((self.config.data.batch_size, *t.shape[1:]), t.dtype.as_numpy_dtype),
            self.distribution.local(self._initial_state)[0] if self.carries_state else (),
        )
        names = [f"carried/{i:04d}" for i in range(len(tf.nest.flatten(whole)))]
        for name, expected in zip(names, tf.nest.flatten(whole)):
            check_tensor(name, expected.shape, tensors)
        mine = [np.asarray(tensors[name])[self.layout.local_rows] for name in names]
        with self.strategy.scope():
            scattered = [self.distribution.scatter_rows(rows, self.layout) for rows in mine]
        self.carried = tf.nest.pack_sequence_as(whole, scattered)

    def _steps(self, first_step, learning_rates, resets, features, carried):
        def one(i, carried):
            step = first_step + tf.cast(i, tf.int64)
            figures, gradients, carried = self.strategy.run(
                self._replica_step, (step, i, resets[i], features, carried)
            )
            sums, norm = (self.distribution.local(value)[0] for value in figures)
            self._finish_step(learning_rates[i], sums, norm, gradients)
            return i + 1, carried

        number = tf.size(learning_rates)
        return tf.while_loop(lambda i, _: i < number, one, (0, carried), maximum_iterations=number)[
            1
        ]

    def _replica_step(self, step, i, reset, features, carried):
        """The batch's sums and its clipped mean gradient, the same on each replica; its state."""
        features = {name: part[:, i] for name, part in features.items()}
        if self.carries_state:
            carried = tf.nest.map_structure(
                lambda new, old: tf.where(reset, new, old), self._replica_initial_state(), carried
            )
        # A sum over thousands of tokens would overflow float16 gradients: scale to about a mean
        # before differentiating, and undo it exactly when the true weight is known.
        largest = tf.reduce_max([tf.size(part) for part in features.values()])
        nominal = self.distribution.num_replicas * largest
        scale = tf.convert_to_tensor(self.loss_scale) / tf.cast(nominal, tf.float32)
        sums, gradients, after = self._accumulate(step, features, carried, scale)
        carried = self._without_overflow(carried, after) if self.scales_loss else after
        sums, gradients = self.reduce(sums, gradients)
        weight = sums[self.row_sums.index("weight")]
        norm, gradients = self.clipped_mean(gradients, scale * tf.maximum(weight, 1.0))
        return (sums, norm), gradients, carried

    def _accumulate(self, step, features, carried, scale):
        """Sums over this replica's micro-batches; and its rows' state after them."""
        sums, gradients, states = tf.zeros(len(self.row_sums)), None, []
        first = next(iter(features.values()))
        num_rows = first.shape[0] or tf.shape(first)[0]
        each = num_rows // self.layout.micro_batches
        for part in range(self.layout.micro_batches):
            start = part * each
            part_sums, part_gradients, state = self._loss_and_gradients(
                step,
                # No Python number: one trace for all.
                tf.cast(self.first_row(num_rows) + start, tf.int64),
                *tf.nest.map_structure(lambda t: t[start : start + each], (features, carried)),
                scale,
            )
            sums += part_sums
            gradients = list(map(tf.add, gradients, part_gradients)) if part else part_gradients
            states.append(state)
        if self.carries_state:
            carried = tf.nest.map_structure(lambda *parts: tf.concat(parts, axis=0), *states)
        return sums, gradients, carried

    def _without_overflow(self, before, after):
        """The state to go on from: that of rows whose new state overflowed is the one before.

        After a step that overflowed too, it is the initial state, lest one that leads to overflow
        comes back each time.
        """
        if not self.carries_state:
            return after
        skipped_before = tf.convert_to_tensor(self.finite_steps) < 1.0
        initial = self._replica_initial_state()
        # The next step reads the state in the compute dtype.
        rows = [
            tf.reduce_all(tf.math.is_finite(tf.cast(t, self.model.compute_dtype)), axis=-1)
            for t in tf.nest.flatten(after)
        ]
        fine = tf.reduce_all(tf.stack(rows), axis=0)[:, None]  # (B, 1)
        return tf.nest.map_structure(
            lambda new, old, first: tf.where(fine, new, tf.where(skipped_before, first, old)),
            after,
            before,
            initial,
        )

    def first_row(self, num_rows):
        """Index, in the global batch, of the first of this replica's `num_rows` rows."""
        return tf.distribute.get_replica_context().replica_id_in_sync_group * num_rows

    def reduce(self, sums, gradients):
        """Sums over all replicas."""
        if self.distribution.num_replicas == 1:
            return sums, gradients
        context = tf.distribute.get_replica_context()
        sums, *gradients = context.all_reduce(tf.distribute.ReduceOp.SUM, [sums, *gradients])
        return sums, gradients

    def clipped_mean(self, gradients, divisor):
        """Norm of the mean gradient (the sum over `divisor`), and that gradient, clipped.

        Clipping comes after the reduction: the norm is that of the whole batch.
        """
        factor = 1.0 / divisor
        norm = tf.linalg.global_norm(gradients) * factor
        if self.config.optimizer.clip_norm:
            factor *= tf.minimum(1.0, self.config.optimizer.clip_norm / tf.maximum(norm, 1e-12))
        return norm, [g * factor for g in gradients]

    def loss_and_gradients(self, step, first_row, features, state, scale):
        """Computes the sums of some rows, and the gradient of (their objective x scale).

        Args:
            step: Number of the step, which dropout follows from.
            first_row: Index of the first of the rows in the global batch, which dropout follows
                from too.
            features: Name -> tensor with the rows first.
            state: The state that is carried, or `()`.
            scale: What the objective is multiplied by.

        Returns:
            `(sums, gradients, state)`: float32 `(len(row_sums),)`; a dense float32 gradient of each
            trainable variable; and the state after the rows.
        """
        with dropout_scope(self.config.seed, step, first_row), tf.GradientTape() as tape:
            sums, state = self.task.sums(self.model, features, state, training=True)
            scaled = tf.reduce_sum(sums.objective) * scale
        # TensorFlow's own variables: of Keras' it cannot make the zeros for one outside the loss.
        variables = [variable.value for variable in self.model.trainable_variables]
        gradients = tape.gradient(scaled, variables, unconnected_gradients="zero")
        parts = [sums.objective, sums.weight, *(sums.figures[name] for name in self.task.figures)]
        total = tf.stack([tf.reduce_sum(tf.cast(part, tf.float32)) for part in parts])
        return total, [self.dense(gradient) for gradient in gradients], state

    def dense(self, gradient):
        """Sums the repeated rows of an embedding's gradient.

        Such gradients arrive as IndexedSlices, which Keras optimizers and clipping compute wrongly.
        """
        return tf.cast(tf.convert_to_tensor(gradient), tf.float32)

    def _finish_step(self, learning_rate, sums, norm, gradients):
        """Updates, across replicas, and counts; the sums are those of `row_sums`."""
        self.optimizer.learning_rate.assign(learning_rate)  # to be shown; the update is given it
        if self.scales_loss:
            finite = tf.math.is_finite(norm)
            tf.cond(
                finite, lambda: self._update(learning_rate, gradients), lambda: tf.constant(False)
            )
            self._adjust_loss_scale(finite)
            norm = tf.where(finite, norm, 0.0)
            self._count(skipped=1.0 - tf.cast(finite, tf.float32))
            # Of an overflow on the way to the loss nothing was measured.
            sums = tf.where(tf.reduce_all(tf.math.is_finite(sums)), sums, tf.zeros_like(sums))
        else:
            self._update(learning_rate, gradients)
        self._count(**dict(zip(self.row_sums, tf.unstack(sums))), gradient_norm=norm, steps=1.0)

    def _count(self, **amounts):
        for name, amount in amounts.items():
            self.sums[name].assign_add(tf.cast(amount, tf.float64))

    def _update(self, learning_rate, gradients):
        """Applies gradients that are reduced already, across replicas.

        Not by the optimizer's `apply`, which would sum the gradients of the replicas once more, and
        which cannot stand inside `tf.cond` in a replica.
        """
        variables = self.model.trainable_variables
        for variable, gradient in zip(variables, gradients):
            self.strategy.extended.update(
                variable.value, self._update_variable, args=(gradient, learning_rate), group=False
            )
        self._count_update()
        for kept, gradient in zip(self.gradients, gradients):
            self.strategy.extended.update(
                kept, lambda kept, g: kept.assign(g), args=(gradient,), group=False
            )
        for average, variable in zip(self.ema, variables):
            self.strategy.extended.update(
                average, self._update_average, args=(variable.value,), group=False
            )
        return tf.constant(True)

    def _count_update(self):
        self.optimizer.iterations.assign_add(1)

    def _update_variable(self, variable, gradient, learning_rate):
        decay = self.optimizer.weight_decay
        if decay is not None and self.optimizer._use_weight_decay(variable):
            variable.assign_sub(variable * decay * learning_rate)
        self.optimizer.update_step(gradient, variable, learning_rate)

    def _update_average(self, average, value):
        rate = 1.0 - self.config.optimizer.ema_decay
        average.assign_add(rate * (tf.cast(value, average.dtype) - average))

    def _adjust_loss_scale(self, finite):
        """Halves the scale after an overflow, doubles it after a long run of finite steps."""
        steps = tf.where(finite, self.finite_steps + 1.0, 0.0)
        grow = steps >= LOSS_SCALE_GROWTH_INTERVAL
        scale = tf.where(grow, self.loss_scale * 2.0, self.loss_scale)
        self.loss_scale.assign(tf.where(finite, scale, self.loss_scale * 0.5))
        self.finite_steps.assign(tf.where(grow, 0.0, steps))


def _scalar(value, dtype):
    return tf.Variable(value, trainable=False, dtype=dtype)
