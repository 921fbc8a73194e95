"""Attention from one text to another that was read before."""

from typing import Any

import keras
import tensorflow as tf

from lm_zoo.layers.configurable import ConfigurableLayer
from lm_zoo.layers.dense import normal_dense
from lm_zoo.layers.dropout import named_dropout
from lm_zoo.types import Tensor


@keras.saving.register_keras_serializable(package="lm_zoo")
class CrossAttention(ConfigurableLayer):
    """Multi-head attention (Vaswani et al. 2017): queries of one text, keys and values of another.

    The keys and values are worked out once for a source (`project_memory`), whatever number of
    tokens is then written. The softmax is float32 under every dtype policy.

    Args:
        hidden_dim: Width of input, memory and output.
        num_heads: Divides `hidden_dim`.
        dropout: Share of the attention weights dropped in training.
        use_bias: Whether the products have biases.
        stddev: Standard deviation of the initial weights.
        seed: Seed of the initial weights and of dropout; None draws new ones each time.
    """

    def __init__(
        self,
        hidden_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        use_bias: bool = True,
        stddev: float = 0.02,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        self.set_arguments(locals())
        self.head_dim = hidden_dim // num_heads

        def dense(width, name):
            shared = {"use_bias": use_bias, "dtype": self.dtype_policy}
            return normal_dense(width, name, seed, stddev, **shared)

        self.query = dense(hidden_dim, "query")
        self.key_value = dense(2 * hidden_dim, "key_value")
        self.output_projection = dense(hidden_dim, "output_projection")
        self.weight_dropout = named_dropout(dropout, seed, "weight_dropout", self.dtype_policy)

    def build(self, input_shape: Any = None) -> None:
        for layer in (self.query, self.key_value, self.output_projection):
            layer.build((None, None, self.hidden_dim))
        self.weight_dropout.build()

    def project_memory(self, memory: Tensor) -> Any:
        """Returns keys and values `(batch, num_heads, source_length, head_dim)` of a source.

        Args:
            memory: The encoder's vectors, shape `(batch, source_length, hidden_dim)`.
        """
        keys, values = tf.split(self.key_value(memory), 2, -1)
        return self._heads(keys), self._heads(values)

    def empty(self, batch_size: int) -> Any:
        """Returns the projection of a source of one slot, which a mask hides: zeros."""
        zeros = tf.zeros((batch_size, self.num_heads, 1, self.head_dim), self.compute_dtype)
        return zeros, zeros

    def call(
        self, x: Tensor, keys_and_values: Tensor, mask: Tensor | None = None, training: bool = False
    ) -> Tensor:
        """Attends from each token to the whole source.

        Args:
            x: Shape `(batch, length, hidden_dim)`.
            keys_and_values: From `project_memory`. Where there are fewer sources than rows of `x`,
                as many neighbouring rows share each: the beams of a search, for which it is not copied.
                Without a mask the encoder's vectors themselves, shape `(batch, source_length,
                hidden_dim)`.
            mask: Added to the scores, shape `(sources, 1, 1, source_length)`. None, as in models
                of Keras, hides nothing, and gives the outputs alone.
            training: Whether dropout is on.

        Returns:
            `(outputs, weights)`: shape `(batch, length, hidden_dim)`, and the attention weights,
            float32 `(batch, num_heads, length, source_length)`, before dropout. Without a mask
            the outputs alone.
        """
        is_plain = mask is None
        keys, values = self.project_memory(keys_and_values) if is_plain else keys_and_values
        shape, num_sources = tf.shape(x), tf.shape(keys)[0]
        # The G rows of a source are read as one longer row.
        rows = shape[0] // tf.maximum(num_sources, 1)
        x = tf.reshape(x, (num_sources, rows * shape[1], self.hidden_dim))
        queries = self._heads(self.query(x)) * self.head_dim**-0.5  # (B / G, H, G * T, D)
        scores = tf.matmul(queries, keys, transpose_b=True)  # (B / G, H, G * T, S)
        scores = tf.cast(scores, tf.float32)
        weights = tf.nn.softmax(scores if is_plain else scores + mask)
        kept = self.weight_dropout(tf.cast(weights, self.compute_dtype), training=training)
        mixed = tf.transpose(tf.matmul(kept, values), (0, 2, 1, 3))  # (B / G, G * T, H, D)
        mixed = tf.reshape(mixed, (shape[0], shape[1], self.hidden_dim))
        weights = tf.reshape(
            weights, (num_sources, self.num_heads, rows, shape[1], tf.shape(keys)[2])
        )
        weights = tf.transpose(weights, (0, 2, 1, 3, 4))  # (B / G, G, H, T, S)
        weights = tf.reshape(weights, (shape[0], self.num_heads, shape[1], tf.shape(keys)[2]))
        outputs = self.output_projection(mixed)
        return outputs if is_plain else (outputs, weights)

    def flops_per_token(self, source_length: int) -> int:
        """Of a token written; `project_memory` is counted for as many source tokens."""
        return 8 * self.hidden_dim**2 + 4 * self.hidden_dim * source_length

    def _heads(self, x):
        shape = tf.shape(x)
        x = tf.reshape(x, (shape[0], shape[1], self.num_heads, self.head_dim))
        return tf.transpose(x, (0, 2, 1, 3))
