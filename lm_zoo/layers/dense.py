"""A matrix product with a bias, for every token."""

from typing import Any

import keras
import tensorflow as tf

from lm_zoo.layers import initializers
from lm_zoo.layers.configurable import ConfigurableLayer
from lm_zoo.layers.wide_sums import add_shared
from lm_zoo.types import Tensor


@keras.saving.register_keras_serializable(package="lm_zoo")
class Dense(ConfigurableLayer):
    """Keras' layer of this name, with a bias whose gradient is summed in float32.

    Keras' own sums it in the compute dtype, which loses most of it in bfloat16.

    Args:
        units: Width of the output.
        use_bias: Whether there is a bias; it begins with zeros.
        activation: Of the output: a Keras name or function; None leaves it as it is.
        kernel_initializer: Of the `(input width, units)` matrix.

    Call arguments:
        inputs: Shape `(..., input width)`.

    Returns:
        Shape `(..., units)`, in the compute dtype.
    """

    def __init__(
        self,
        units: int,
        use_bias: bool = True,
        activation: str | None = None,
        kernel_initializer: Any = "glorot_uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        self.units = units
        self.use_bias = use_bias
        self.activation = keras.activations.get(activation)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape: Any) -> None:
        self.kernel = self.add_weight(
            name="kernel",
            shape=(input_shape[-1], self.units),
            initializer=self.kernel_initializer,
            autocast=False,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias", shape=(self.units,), initializer="zeros", autocast=False
            )

    def call(self, inputs: Tensor) -> Tensor:
        kernel = tf.cast(self.kernel, self.compute_dtype)
        # Leading axes are folded: one plain product is faster than a batched one.
        flat = tf.reshape(tf.cast(inputs, self.compute_dtype), (-1, kernel.shape[0]))
        outputs = tf.matmul(flat, kernel)
        if self.bias is not None:
            outputs = add_shared(outputs, tf.convert_to_tensor(self.bias))
        outputs = self.activation(outputs)
        lead = tf.shape(inputs)[:-1]
        outputs = tf.reshape(outputs, tf.concat([lead, [self.units]], 0))
        return tf.ensure_shape(outputs, (*inputs.shape[:-1], self.units))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict:
        activation = keras.activations.serialize(self.activation)
        return super().get_config() | {"activation": activation}


def normal_dense(units, name, seed, stddev, **arguments):
    """Returns a `Dense` whose initial kernel is normal and depends only on the seed and its name.

    Args:
        units: Width of the output.
        name: Name of the layer.
        seed: Seed of the owner, or None for new weights each time.
        stddev: Standard deviation of the initial kernel.
        **arguments: Further arguments of `Dense`.
    """
    kernel = initializers.normal(stddev, seed, name)
    return Dense(units, kernel_initializer=kernel, name=name, **arguments)
