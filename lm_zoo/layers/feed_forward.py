"""The position-wise part of a Transformer block."""

from typing import Any

import keras
import tensorflow as tf

from lm_zoo.errors import unknown_name
from lm_zoo.layers.configurable import ConfigurableLayer
from lm_zoo.layers.dense import normal_dense
from lm_zoo.types import Tensor

KINDS = ("gelu", "gelu_exact", "relu", "swiglu")


@keras.saving.register_keras_serializable(package="lm_zoo")
class FeedForward(ConfigurableLayer):
    """Two products with an activation between them, or a gated unit (SwiGLU, Shazeer 2020).

    Args:
        hidden_dim: Width of input and output.
        intermediate_dim: Width between the two products.
        kind: `gelu` (GPT-2's tanh approximation), `gelu_exact` (by the error function), `relu`, or
            `swiglu`, whose gate and value come from one product, in this order.
        use_bias: Whether the products have biases.
        output_stddev: Standard deviation of the output kernel's initial weights.
        seed: Of the initial weights; None draws them anew each time.
        stddev: Standard deviation of the other initial weights.

    Call arguments:
        x: Shape `(batch, length, hidden_dim)`.

    Returns:
        Shape `(batch, length, hidden_dim)`, in the compute dtype.
    """

    def __init__(
        self,
        hidden_dim: int,
        intermediate_dim: int,
        kind: str = "gelu",
        use_bias: bool = True,
        output_stddev: float = 0.02,
        seed: int | None = None,
        stddev: float = 0.02,
        **kwargs: Any,
    ) -> None:
        if kind not in KINDS:
            raise unknown_name("feed_forward", kind, KINDS)
        super().__init__(autocast=False, **kwargs)
        self.set_arguments(locals())
        width = intermediate_dim * (2 if kind == "swiglu" else 1)
        shared = {"use_bias": use_bias, "dtype": self.dtype_policy}
        self.inner = normal_dense(width, "inner", seed, stddev, **shared)
        self.outer = normal_dense(hidden_dim, "outer", seed, output_stddev, **shared)

    def build(self, input_shape: Any = None) -> None:
        self.inner.build((None, None, self.hidden_dim))
        self.outer.build((None, None, self.intermediate_dim))

    def call(self, x: Tensor) -> Tensor:
        x = self.inner(x)  # (B, T, I), or (B, T, 2 I) for swiglu
        if self.kind == "swiglu":
            gate, x = tf.split(x, 2, -1)  # (B, T, I) each
            x = tf.nn.silu(gate) * x
        elif self.kind == "gelu":
            x = gelu(x)
        elif self.kind == "gelu_exact":
            x = tf.nn.gelu(x)
        else:
            x = tf.nn.relu(x)
        return self.outer(x)  # (B, T, C)

    def flops_per_token(self) -> int:
        return 2 * self.hidden_dim * (self.inner.units + self.intermediate_dim)


@tf.custom_gradient
def gelu(x):
    """GPT-2's `x / 2 (1 + tanh(u))` with `u = sqrt(2 / pi) (x + 0.044715 x^3)`, which is
    `x sigmoid(2 u)`. TensorFlow's goes through a general power and keeps more tensors.

    The square of a float16 above 255 is infinite. In the gradient it stands after factors that are
    0 there already, so that no infinity meets them."""
    scale = 2 * (2 / 3.141592653589793) ** 0.5
    gate = tf.sigmoid(x * (scale + scale * 0.044715 * x * x))
    y = x * gate

    def gradient(d_y):
        bend = y * (1 - gate)
        return d_y * (gate + scale * bend + 3 * scale * 0.044715 * bend * x * x)

    return y, gradient
