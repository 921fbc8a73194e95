"""The gated recurrent unit (Cho et al. 2014), in the form of cuDNN, PyTorch and Keras' default."""

from typing import Any

import keras
import tensorflow as tf

from lm_zoo.layers.recurrence.recurrent import (
    RecurrentLayer,
    keep_inactive,
    mask_inactive_gradients,
    recurrent_kernel_gradient,
    reset_at_starts,
)
from lm_zoo.layers.recurrence.time_loop import scan, shifted
from lm_zoo.types import Tensor


@keras.saving.register_keras_serializable(package="lm_zoo")
class GRU(RecurrentLayer):
    """GRU whose reset gate acts after the recurrent product. Its state is the hidden vector.

    Gates are in the order update, reset, candidate. The bias has two rows, one for the input's and
    one for the recurrent product.
    """

    num_gates = 3

    def bias_shape(self) -> Any:
        return (2, 3 * self.hidden_dim)

    def input_bias(self, bias: Tensor) -> Any:
        return bias[0]

    def recur(
        self, projected: Tensor, recurrent_kernel: Tensor, bias: Tensor, state: Tensor, *masks: Any
    ) -> Any:
        return _gru(projected, recurrent_kernel, bias[1], state, *masks)


@tf.custom_gradient
def _gru(projected, kernel, bias, hidden, *masks):
    """Args: projected (T, B, 3H) and kernel (H, 3H) in the compute dtype; bias (3H,) and hidden
    (B, H) in float32; masks: none, one or two of bool (T, B, 1): document starts, active rows.
    Returns outputs (T, B, H) in the compute dtype, and the last hidden (B, H)."""
    dtype, batch, width = projected.dtype, projected.shape[1], kernel.shape[0]

    def step(state, slices):
        hidden = reset_at_starts(slices[1:], *state)
        inputs = tf.cast(slices[0], tf.float32)
        recurrent = tf.cast(tf.matmul(tf.cast(hidden[0], dtype), kernel), tf.float32) + bias
        gates = tf.sigmoid(inputs[:, : 2 * width] + recurrent[:, : 2 * width])  # (B, 2H)
        z, r = tf.split(gates, 2, -1)
        recurrent = recurrent[:, 2 * width :]
        candidate = tf.tanh(inputs[:, 2 * width :] + r * recurrent)
        hidden = candidate + z * (hidden[0] - candidate)  # (B, H)
        kept = tf.concat([gates, candidate, recurrent], -1)  # (B, 4H)
        return keep_inactive(slices[1:], (hidden,), state), (tf.cast(hidden, dtype), hidden, kept)

    (last_hidden,), (outputs, hiddens, kept) = scan(
        step,
        (hidden,),
        (projected, *masks),
        (
            tf.TensorSpec((batch, width), dtype),
            tf.TensorSpec((batch, width), tf.float32),
            tf.TensorSpec((batch, 4 * width), tf.float32),
        ),
    )

    def gradient(d_outputs, d_hidden):
        z, r, candidate, recurrent = tf.split(kept, 4, -1)
        (hidden_before,) = reset_at_starts(masks, shifted(hidden, hiddens))
        candidate_by_hidden = (1 - z) * (1 - tf.square(candidate))
        # How the recurrent product's three parts depend on the new hidden vector: (T, B, 3H).
        slopes = tf.concat(
            [
                (hidden_before - candidate) * z * (1 - z),
                candidate_by_hidden * recurrent * r * (1 - r),
                candidate_by_hidden * r,
            ],
            -1,
        )
        kernel_transposed = tf.transpose(kernel)  # once, since each step would pack it again

        def step_back(state, slices):
            d_output, slopes, z, *masks = slices
            (d_hidden,) = mask_inactive_gradients(masks, state[0] + tf.cast(d_output, tf.float32))
            d_gates = tf.cast(tf.tile(d_hidden, (1, 3)) * slopes, dtype)  # (B, 3H)
            d_before = tf.cast(tf.matmul(d_gates, kernel_transposed), tf.float32)
            before = reset_at_starts(masks, d_before + d_hidden * z)
            return keep_inactive(masks, before, state), (d_gates, d_hidden)

        (d_first_hidden,), (d_gates, d_hiddens) = scan(
            step_back,
            (d_hidden,),
            (d_outputs, slopes, z, *masks),
            (tf.TensorSpec((batch, 3 * width), dtype), tf.TensorSpec((batch, width), tf.float32)),
            reverse=True,
        )
        # The input's candidate part is not scaled by the reset gate.
        d_candidate = tf.cast(d_hiddens * candidate_by_hidden, dtype)
        d_projected = tf.concat([d_gates[..., : 2 * width], d_candidate], -1)
        d_kernel = recurrent_kernel_gradient(tf.cast(hidden_before, dtype), d_gates)
        d_bias = tf.reduce_sum(tf.cast(d_gates, tf.float32), (0, 1))
        return d_projected, d_kernel, d_bias, d_first_hidden, *[None for _ in masks]

    return (outputs, last_hidden), gradient
