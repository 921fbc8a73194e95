"""The simple recurrent layer (Elman 1990)."""

from typing import Any

import keras
import tensorflow as tf

from lm_zoo.errors import unknown_name
from lm_zoo.layers.recurrence.recurrent import (
    RecurrentLayer,
    keep_inactive,
    mask_inactive_gradients,
    recurrent_kernel_gradient,
    reset_at_starts,
)
from lm_zoo.layers.recurrence.time_loop import scan, shifted
from lm_zoo.types import Tensor

ACTIVATIONS = ("tanh", "relu")


@keras.saving.register_keras_serializable(package="lm_zoo")
class Elman(RecurrentLayer):
    """`hidden = activation(input + recurrent product + bias)`. Its state is the hidden vector.

    Args:
        activation: `tanh` or `relu`.
    """

    def __init__(
        self,
        hidden_dim: int,
        init_scale: float = 0.0,
        activation: str = "tanh",
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        if activation not in ACTIVATIONS:
            raise unknown_name("activation", activation, ACTIVATIONS)
        super().__init__(hidden_dim, init_scale, seed, **kwargs)
        self.activation = activation

    def recur(
        self, projected: Tensor, recurrent_kernel: Tensor, bias: Tensor, state: Tensor, *masks: Any
    ) -> Any:
        recur = _elman_tanh if self.activation == "tanh" else _elman_relu
        return recur(projected, recurrent_kernel, state, *masks)


def _elman(activate, slope, projected, kernel, hidden, *masks):
    """Args: projected (T, B, H) and kernel (H, H) in the compute dtype; hidden (B, H) in float32;
    masks: none, one or two of bool (T, B, 1): document starts, active rows. `slope` gives the
    activation's derivative from its value."""
    dtype, batch, width = projected.dtype, projected.shape[1], kernel.shape[0]

    def step(state, slices):
        hidden = reset_at_starts(slices[1:], *state)
        total = slices[0] + tf.matmul(tf.cast(hidden[0], dtype), kernel)
        hidden = activate(tf.cast(total, tf.float32))  # (B, H)
        return keep_inactive(slices[1:], (hidden,), state), (hidden,)

    (last_hidden,), (hiddens,) = scan(
        step, (hidden,), (projected, *masks), (tf.TensorSpec((batch, width), tf.float32),)
    )
    outputs = tf.cast(hiddens, dtype)

    def gradient(d_outputs, d_hidden):
        kernel_transposed = tf.transpose(kernel)  # once, since each step would pack it again

        def step_back(state, slices):
            d_output, slopes, *masks = slices
            d_total = (state[0] + tf.cast(d_output, tf.float32)) * slopes
            (d_total,) = mask_inactive_gradients(masks, tf.cast(d_total, dtype))  # (B, H)
            d_before = tf.cast(tf.matmul(d_total, kernel_transposed), tf.float32)
            return keep_inactive(masks, reset_at_starts(masks, d_before), state), (d_total,)

        (d_first_hidden,), (d_totals,) = scan(
            step_back,
            (d_hidden,),
            (d_outputs, slope(hiddens), *masks),
            (tf.TensorSpec((batch, width), dtype),),
            reverse=True,
        )
        (hidden_before,) = reset_at_starts(masks, shifted(hidden, outputs))
        d_kernel = recurrent_kernel_gradient(hidden_before, d_totals)
        return d_totals, d_kernel, d_first_hidden, *[None for _ in masks]

    return (outputs, last_hidden), gradient


@tf.custom_gradient
def _elman_tanh(projected, kernel, hidden, *masks):
    return _elman(tf.tanh, lambda value: 1 - tf.square(value), projected, kernel, hidden, *masks)


@tf.custom_gradient
def _elman_relu(projected, kernel, hidden, *masks):
    return _elman(
        tf.nn.relu, lambda value: tf.cast(value > 0, value.dtype), projected, kernel, hidden, *masks
    )
