"""The two normalisations of Transformers."""

from typing import Any

import keras
import tensorflow as tf

from lm_zoo.errors import unknown_name
from lm_zoo.layers.configurable import ConfigurableLayer
from lm_zoo.types import Tensor

KINDS = ("layer_norm", "rms_norm")


EPSILON = 1e-5  # GPT-2's and Llama 2's


def normalization(kind, use_bias, name, dtype, epsilon=EPSILON):
    """Builds a normalisation layer.

    Args:
        kind: `layer_norm` or `rms_norm`.
        use_bias: Whether `layer_norm` has a bias.
        name: Name of the layer.
        dtype: Dtype policy.
        epsilon: Added to the variance or the mean square before the root.
    """
    if kind == "rms_norm":
        return RMSNormalization(epsilon=epsilon, name=name, dtype=dtype)
    if kind == "layer_norm":
        return keras.layers.LayerNormalization(
            epsilon=epsilon, center=use_bias, name=name, dtype=dtype
        )
    raise unknown_name("normalization", kind, KINDS)


@keras.saving.register_keras_serializable(package="lm_zoo")
class RMSNormalization(ConfigurableLayer):
    """Divides by the root mean square over the last axis (Zhang and Sennrich 2019).

    Keras' layer of this name rounds its gain to the compute dtype under a mixed policy, so that
    bfloat16 has no value between 1 and 1.0078. Here the gain stays float32, as in Keras'
    LayerNormalization.

    Args:
        epsilon: Added to the mean square before the root.

    Call arguments:
        x: Shape `(..., width)`.

    Returns:
        The same shape, in the compute dtype.
    """

    def __init__(self, epsilon: float = 1e-5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def build(self, input_shape: Any) -> None:
        self.scale = self.add_weight(
            name="scale", shape=(input_shape[-1],), initializer="ones", autocast=False
        )

    def call(self, x: Tensor) -> Tensor:
        x = tf.cast(x, tf.float32)
        x = x * tf.math.rsqrt(tf.reduce_mean(tf.square(x), -1, keepdims=True) + self.epsilon)
        return tf.cast(x * self.scale, self.compute_dtype)
