"""Attention from a recurrent decoder to its source, with one score for each pair of tokens."""

from typing import Any

import keras
import tensorflow as tf

from lm_zoo.errors import unknown_name
from lm_zoo.layers import initializers
from lm_zoo.layers.configurable import ConfigurableLayer
from lm_zoo.layers.dense import Dense
from lm_zoo.layers.wide_sums import add_each_to_each
from lm_zoo.types import Tensor

KINDS = ("additive", "multiplicative")


@keras.saving.register_keras_serializable(package="lm_zoo")
class Alignment(ConfigurableLayer):
    """Additive attention (Bahdanau et al. 2014) or multiplicative (Luong et al. 2015, "general").

    The score of query q and memory vector m is `v . tanh(W q + U m + b)` or `q . U m`. The softmax
    is float32 under every dtype policy.

    Args:
        kind: `additive` or `multiplicative`.
        query_dim: Width of the queries, and of the scored vectors.
        memory_dim: Width of the memory.
        init_scale: Half width of the uniform initial weights; 0 means Glorot uniform.
        seed: Of the initial weights; None draws them anew each time.
    """

    def __init__(
        self,
        kind: str,
        query_dim: int,
        memory_dim: int,
        init_scale: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        if kind not in KINDS:
            raise unknown_name("attention", kind, KINDS)
        super().__init__(autocast=False, **kwargs)
        self.set_arguments(locals())

        def dense(name, use_bias):
            return Dense(
                query_dim,
                use_bias=use_bias,
                kernel_initializer=self._initializer(name),
                name=name,
                dtype=self.dtype_policy,
            )

        self.key = dense("key", use_bias=kind == "additive")
        self.query = dense("query", use_bias=False) if kind == "additive" else None

    def _initializer(self, name):
        return initializers.uniform_or_glorot(self.init_scale, self.seed, name)

    def build(self, input_shape: Any = None) -> None:
        self.key.build((None, None, self.memory_dim))
        if self.query is not None:
            self.query.build((None, None, self.query_dim))
            self.score = self.add_weight(
                name="score",
                shape=(self.query_dim, 1),
                initializer=self._initializer("score"),
                autocast=False,
            )

    def call(self, queries: Tensor, keys: Tensor, memory: Tensor, mask: Tensor) -> Tensor:
        """Mixes the memory for each query.

        Args:
            queries: Shape `(batch, length, query_dim)`.
            keys: `self.key(memory)`, shape `(sources, source_length, query_dim)`. Where there are
                fewer sources than rows, as many neighbouring rows share each.
            memory: Shape `(sources, source_length, memory_dim)`.
            mask: Added to the scores, shape `(sources, source_length)`.

        Returns:
            `(contexts, weights)`: shape `(batch, length, memory_dim)`, and float32 `(batch, length,
            source_length)`.
        """
        rows, num_sources = tf.shape(queries), tf.shape(keys)[0]
        # The G rows of a source are read as one longer row.
        longer = rows[0] // tf.maximum(num_sources, 1) * rows[1]
        queries = tf.reshape(queries, (num_sources, longer, self.query_dim))  # (B / G, G * T, Q)
        if self.query is None:
            scores = tf.matmul(queries, keys, transpose_b=True)  # (B / G, G * T, S)
        else:
            hidden = tf.tanh(add_each_to_each(self.query(queries), keys))  # (.., G * T, S, Q)
            shape = tf.shape(hidden)
            scores = tf.matmul(
                tf.reshape(hidden, (-1, self.query_dim)), tf.cast(self.score, hidden.dtype)
            )
            scores = tf.reshape(scores, shape[:3])
        weights = tf.nn.softmax(tf.cast(scores, tf.float32) + mask[:, None])
        contexts = tf.matmul(tf.cast(weights, memory.dtype), memory)  # (B / G, G * T, M)
        contexts = tf.reshape(contexts, (rows[0], rows[1], self.memory_dim))
        return contexts, tf.reshape(weights, (rows[0], rows[1], tf.shape(keys)[1]))

    def flops_per_token(self, source_length: int) -> int:
        """Of a token written; the keys are counted for as many source tokens."""
        keys = 2 * self.memory_dim * self.query_dim
        mixing = 2 * self.memory_dim * source_length
        if self.query is None:
            return keys + mixing + 2 * self.query_dim * source_length
        return keys + mixing + 2 * self.query_dim * (self.query_dim + source_length)
