"""The last layer of a language model: hidden vectors to logits over the vocabulary."""

from typing import Any

import keras
import tensorflow as tf

from lm_zoo.layers.configurable import ConfigurableLayer
from lm_zoo.types import Tensor


@keras.saving.register_keras_serializable(package="lm_zoo")
class OutputProjection(ConfigurableLayer):
    """Logits as products with one vector per token, its own or the tied embedding's.

    Args:
        vocab_size: Number of tokens.
        hidden_dim: Width of the input.
        tied: Whether the vectors are given in the call (weight tying, Press and Wolf 2017).
        use_bias: Whether each token has a bias.
        kernel_initializer: Of the `(vocab_size, hidden_dim)` vectors, where they are not tied.
        bias_initializer: Of the bias.

    Call arguments:
        hidden: Shape `(batch, length, hidden_dim)`.
        table: The tied vectors, shape `(vocab_size, hidden_dim)`.

    Returns:
        float32 logits, shape `(batch, length, vocab_size)`, under every dtype policy: the product
        is in the compute dtype, the bias is added in float32.
    """

    def __init__(
        self,
        vocab_size: int,
        hidden_dim: int,
        tied: bool = False,
        use_bias: bool = False,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        self.set_arguments(locals())
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)

    def build(self, input_shape: Any = None) -> None:
        if not self.tied:
            self.kernel = self.add_weight(
                name="kernel",
                shape=(self.vocab_size, self.hidden_dim),
                initializer=self.kernel_initializer,
                autocast=False,
            )
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(self.vocab_size,),
                initializer=self.bias_initializer,
                autocast=False,
            )

    def call(self, hidden: Tensor, table: Tensor | None = None) -> Tensor:
        table = tf.cast(table if self.tied else self.kernel, self.compute_dtype)
        # Leading axes are folded: one plain product is faster than a batched one.
        flat = tf.reshape(tf.cast(hidden, self.compute_dtype), (-1, self.hidden_dim))
        logits = tf.cast(tf.matmul(flat, table, transpose_b=True), tf.float32)
        if self.use_bias:
            logits += tf.convert_to_tensor(self.bias)
        lead = tf.shape(hidden)[:-1]
        logits = tf.reshape(logits, tf.concat([lead, [self.vocab_size]], 0))
        return tf.ensure_shape(logits, (*hidden.shape[:-1], self.vocab_size))

    def flops_per_token(self) -> int:
        return 2 * self.vocab_size * self.hidden_dim
