"""One optimizer step as a TensorFlow function, and every tensor that it carries from step to step.

The order that keeps the result independent of how the batch is divided: sum the gradients of the
negative log-likelihood over micro-batches (and replicas), divide once by the number of tokens, clip
by the global norm, update.
"""

import keras
import numpy as np
import tensorflow as tf

from lm_zoo.errors import UserError
from lm_zoo.layers.dropout import dropout_scope
from lm_zoo.training.losses import token_nll_sum
from lm_zoo.training.optimizers import build_optimizer

INITIAL_LOSS_SCALE = 2.0**15  # as Micikevicius et al. 2018 and PyTorch's GradScaler, give or take 2
LOSS_SCALE_GROWTH_INTERVAL = 2000  # finite steps after which the scale is doubled


class TrainStep:
    """Holds model, optimizer, carried state and running sums; calling it makes one update.

    Everything needed to go on bit-identically is in `tensors()`.
    """

    def __init__(self, model, config):
        """Args:
        model: A built `LanguageModel`.
        config: An `ExperimentConfig`.
        """
        self.model = model
        self.config = config
        self.optimizer = build_optimizer(config.optimizer, model.trainable_variables)
        self.micro_batches = config.runtime.micro_batches
        self.carries_state = config.data.layout == "contiguous"
        self.scales_loss = config.training.precision == "float16"
        rows = config.data.batch_size
        state = model.initial_state(rows) if self.carries_state else ()
        self._initial_state = state
        self.carried = tf.nest.map_structure(
            lambda t: tf.Variable(t, trainable=False, name="carried"), state
        )
        self.ema = ()
        if config.optimizer.ema_decay:
            self.ema = tuple(
                tf.Variable(tf.convert_to_tensor(v), trainable=False, name="ema")
                for v in model.trainable_variables
            )
        # Sums since the last point on the curves: part of a checkpoint, so that a resumed run draws
        # the same point.
        self.sums = {
            name: _scalar(0.0, tf.float64)
            for name in ("nll", "tokens", "gradient_norm", "steps", "skipped")
        }
        self.loss_scale = _scalar(INITIAL_LOSS_SCALE if self.scales_loss else 1.0, tf.float32)
        self.finite_steps = _scalar(0.0, tf.float32)
        compiled = {"jit_compile": True} if config.runtime.jit_compile else {}
        self._loss_and_gradients = tf.function(self._loss_and_gradients_of_part, **compiled)
        self._step = tf.function(self._step_of_batch)

    def __call__(self, step, learning_rate, batch):
        """Makes update number `step` (from 0) on a `Batch`, adding to `sums`."""
        if self.carries_state and batch.reset:
            self.reset_state()
        self._step(
            tf.constant(step, tf.int64),
            tf.constant(learning_rate, tf.float32),
            tf.convert_to_tensor(batch.inputs),
            tf.convert_to_tensor(batch.targets),
            tf.convert_to_tensor(batch.weights),
            None if batch.document_starts is None else tf.convert_to_tensor(batch.document_starts),
        )

    def reset_state(self):
        """Puts every row's carried state back to that of the start of a text."""
        tf.nest.map_structure(lambda v, t: v.assign(t), self.carried, self._initial_state)

    def take_sums(self):
        """Returns the sums since the last call as floats, and begins new ones."""
        values = {name: float(variable) for name, variable in self.sums.items()}
        for variable in self.sums.values():
            variable.assign(0.0)
        return values

    def tensors(self):
        """Returns name -> variable for everything a checkpoint must hold."""
        named = model_tensors(self.model)
        named.update({f"optimizer/{i:04d}": v for i, v in enumerate(self.optimizer.variables)})
        named.update(ema_tensors(self.model, self.ema))
        flat = tf.nest.flatten(self.carried)
        named.update({f"carried/{i:04d}": v for i, v in enumerate(flat)})
        named.update({f"sums/{name}": v for name, v in self.sums.items()})
        named["loss_scale"], named["finite_steps"] = self.loss_scale, self.finite_steps
        return named

    def restore(self, tensors):
        """Assigns what `tensors()` named, from a checkpoint's arrays."""
        assign_tensors(self.tensors(), tensors)

    def _loss_and_gradients_of_part(
        self, step, first_row, inputs, targets, weights, document_starts, state, scale
    ):
        """Sum of NLL, tokens, and the gradient of (sum of NLL x scale), for some of the rows."""
        with dropout_scope(self.config.seed, step, first_row), tf.GradientTape() as tape:
            if self.carries_state:
                logits, state = self.model.forward(inputs, state, training=True)
            else:
                logits = self.model(inputs, training=True, document_starts=document_starts)
            nll, tokens = token_nll_sum(logits, targets, weights)
            scaled = nll * scale
        gradients = tape.gradient(
            scaled, self.model.trainable_variables, unconnected_gradients="zero"
        )
        # Embedding gradients arrive as IndexedSlices with repeated rows, which Keras optimizers and
        # clipping compute wrongly; converting sums the repeats.
        gradients = [tf.cast(tf.convert_to_tensor(g), tf.float32) for g in gradients]
        return nll, tokens, gradients, state

    def _step_of_batch(self, step, learning_rate, inputs, targets, weights, document_starts):
        rows = self.config.data.batch_size // self.micro_batches
        # A sum over thousands of tokens would overflow float16 gradients: scale to about a mean
        # before differentiating, and undo it exactly when the true count is known.
        nominal = float(inputs.shape[0] * inputs.shape[1])
        scale = self.loss_scale / nominal
        nll, tokens, gradients, states = 0.0, 0.0, None, []
        for part in range(self.micro_batches):
            cut = slice(part * rows, (part + 1) * rows)
            state = tf.nest.map_structure(lambda v: tf.identity(v)[cut], self.carried)
            part_nll, part_tokens, part_gradients, state = self._loss_and_gradients(
                step,
                part * rows,
                inputs[cut],
                targets[cut],
                weights[cut],
                None if document_starts is None else document_starts[cut],
                state,
                scale,
            )
            nll, tokens = nll + part_nll, tokens + part_tokens
            gradients = (
                [a + b for a, b in zip(gradients, part_gradients)] if part else part_gradients
            )
            states.append(state)
        if self.carries_state:
            carried = tf.nest.map_structure(lambda *parts: tf.concat(parts, axis=0), *states)
            tf.nest.map_structure(lambda v, t: v.assign(t), self.carried, carried)
        factor = 1.0 / (scale * tf.maximum(tokens, 1.0))
        norm = tf.linalg.global_norm(gradients) * factor
        if self.config.optimizer.clip_norm:
            factor *= tf.minimum(1.0, self.config.optimizer.clip_norm / tf.maximum(norm, 1e-12))
        gradients = [g * factor for g in gradients]
        if self.scales_loss:
            finite = tf.math.is_finite(norm)
            tf.cond(
                finite,
                lambda: self._update(learning_rate, gradients),
                lambda: tf.constant(False),
            )
            self._adjust_loss_scale(finite)
            norm = tf.where(finite, norm, 0.0)
            self._count(skipped=1.0 - tf.cast(finite, tf.float32))
        else:
            self._update(learning_rate, gradients)
        self._count(nll=nll, tokens=tokens, gradient_norm=norm, steps=1.0)

    def _count(self, **amounts):
        for name, amount in amounts.items():
            self.sums[name].assign_add(tf.cast(amount, tf.float64))

    def _update(self, learning_rate, gradients):
        self.optimizer.learning_rate.assign(learning_rate)
        self.optimizer.apply(gradients, self.model.trainable_variables)
        decay = self.config.optimizer.ema_decay
        for average, variable in zip(self.ema, self.model.trainable_variables):
            value = tf.cast(tf.convert_to_tensor(variable), average.dtype)
            average.assign_add((1.0 - decay) * (value - average))
        return tf.constant(True)

    def _adjust_loss_scale(self, finite):
        """Halves the scale after an overflow, doubles it after a long run of finite steps."""
        steps = tf.where(finite, self.finite_steps + 1.0, 0.0)
        grow = steps >= LOSS_SCALE_GROWTH_INTERVAL
        scale = tf.where(grow, self.loss_scale * 2.0, self.loss_scale)
        self.loss_scale.assign(tf.where(finite, scale, self.loss_scale * 0.5))
        self.finite_steps.assign(tf.where(grow, 0.0, steps))


def _scalar(value, dtype):
    return tf.Variable(value, trainable=False, dtype=dtype)


def _name_within_model(variable):
    """The variable's path without the model's own name, which Keras numbers within a process."""
    return variable.path.split("/", 1)[-1]


def model_tensors(model):
    """Returns `model/<path>` -> variable, for all variables of a model."""
    return {f"model/{_name_within_model(v)}": v for v in model.variables}


def ema_tensors(model, averages):
    """Returns `ema/<path>` -> averaged variable, in the order of the trainable variables."""
    return {f"ema/{_name_within_model(v)}": a for v, a in zip(model.trainable_variables, averages)}


def assign_tensors(variables, tensors):
    """Assigns arrays to variables by name.

    Raises:
        UserError: If a name is missing or a shape differs, naming it.
    """
    for name, variable in variables.items():
        if name not in tensors:
            raise UserError(f"checkpoint: no tensor {name!r}; it belongs to another model.")
        value = tensors[name]
        if tuple(value.shape) != tuple(variable.shape):
            raise UserError(
                f"checkpoint: tensor {name!r}: expected shape {tuple(variable.shape)}, received "
                f"{tuple(value.shape)}; it belongs to another model."
            )
    for name, variable in variables.items():
        value = tensors[name]
        if isinstance(variable, keras.Variable):
            variable = variable.value
        variable.assign(value if isinstance(value, np.ndarray) else np.asarray(value))
