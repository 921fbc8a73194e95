"""The long short-term memory layer (Hochreiter and Schmidhuber 1997; forget gate: Gers 2000)."""

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
class LSTM(RecurrentLayer):
    """LSTM with gates in the order input, forget, cell, output. Its state is `(hidden, cell)`.

    Args:
        forget_bias: Added to the forget gate's bias at the start, so that memory lasts from the
            first step on (Jozefowicz et al. 2015); 0 is Zaremba's.
    """

    num_gates = 4
    states_per_layer = 2

    def __init__(
        self,
        hidden_dim: int,
        init_scale: float = 0.0,
        forget_bias: float = 1.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(hidden_dim, init_scale, seed, **kwargs)
        self.forget_bias = forget_bias

    def initial_bias(self, shape: Any, dtype: str | None = None) -> Any:
        forget = tf.repeat([0.0, self.forget_bias, 0.0, 0.0], self.hidden_dim)
        return super().initial_bias(shape, dtype) + tf.cast(forget, dtype)

    def recur(
        self, projected: Tensor, recurrent_kernel: Tensor, bias: Tensor, state: Tensor, *masks: Any
    ) -> Any:
        outputs, hidden, cell = _lstm(projected, recurrent_kernel, *state, *masks)
        return outputs, (hidden, cell)


@tf.custom_gradient
def _lstm(projected, kernel, hidden, cell, *masks):
    """Args: projected (T, B, 4H) and kernel (H, 4H) in the compute dtype; hidden and cell (B, H)
    in float32; masks: none, one or two of bool (T, B, 1): document starts, active rows. Returns
    outputs (T, B, H) in the compute dtype, and the last hidden and cell (B, H)."""
    dtype, batch, width = projected.dtype, projected.shape[1], kernel.shape[0]

    def step(state, slices):
        hidden, cell = reset_at_starts(slices[1:], *state)
        gates = slices[0] + tf.matmul(tf.cast(hidden, dtype), kernel)  # (B, 4H)
        i, f, g, o = tf.split(tf.cast(gates, tf.float32), 4, -1)
        i, f, g, o = tf.sigmoid(i), tf.sigmoid(f), tf.tanh(g), tf.sigmoid(o)
        cell = f * cell + i * g  # (B, H)
        hidden = o * tf.tanh(cell)
        kept = (tf.cast(hidden, dtype), cell, tf.concat([i, f, g, o], -1))
        return keep_inactive(slices[1:], (hidden, cell), state), kept

    (last_hidden, last_cell), (outputs, cells, gates) = scan(
        step,
        (hidden, cell),
        (projected, *masks),
        (
            tf.TensorSpec((batch, width), dtype),
            tf.TensorSpec((batch, width), tf.float32),
            tf.TensorSpec((batch, 4 * width), tf.float32),
        ),
    )

    def gradient(d_outputs, d_hidden, d_cell):
        # All that does not depend on the gradient is worked out for all steps at once. What is left
        # for the loop is a few products with these slopes.
        i, f, g, o = tf.split(gates, 4, -1)
        cells_before, hidden_before = reset_at_starts(
            masks, shifted(cell, cells), shifted(hidden, outputs)
        )
        tanh_cells = tf.tanh(cells)
        cell_by_hidden = o * (1 - tf.square(tanh_cells))
        gates_by_cell = tf.concat(
            [g * i * (1 - i), cells_before * f * (1 - f), i * (1 - tf.square(g))], -1
        )  # (T, B, 3H): input, forget, cell
        output_by_hidden = tanh_cells * o * (1 - o)
        kernel_transposed = tf.transpose(kernel)  # once, since each step would pack it again

        def step_back(state, slices):
            d_hidden, d_cell = state
            d_output, cell_by_hidden, gates_by_cell, output_by_hidden, f, *masks = slices
            d_hidden += tf.cast(d_output, tf.float32)
            d_cell += d_hidden * cell_by_hidden
            d_gates = tf.concat(
                [tf.tile(d_cell, (1, 3)) * gates_by_cell, d_hidden * output_by_hidden], -1
            )
            (d_gates,) = mask_inactive_gradients(masks, tf.cast(d_gates, dtype))  # (B, 4H)
            d_hidden = tf.cast(tf.matmul(d_gates, kernel_transposed), tf.float32)
            return keep_inactive(masks, reset_at_starts(masks, d_hidden, d_cell * f), state), (
                d_gates,
            )

        (d_first_hidden, d_first_cell), (d_gates,) = scan(
            step_back,
            (d_hidden, d_cell),
            (d_outputs, cell_by_hidden, gates_by_cell, output_by_hidden, f, *masks),
            (tf.TensorSpec((batch, 4 * width), dtype),),
            reverse=True,
        )
        d_kernel = recurrent_kernel_gradient(hidden_before, d_gates)
        return d_gates, d_kernel, d_first_hidden, d_first_cell, *[None for _ in masks]

    return (outputs, last_hidden, last_cell), gradient
