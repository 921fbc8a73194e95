"""Causal self-attention, with or without a key/value cache."""

from typing import Any

import keras
import tensorflow as tf

from lm_zoo.layers.attention.key_value_cache import self_attention_mask, write
from lm_zoo.layers.attention.rotary import rotate
from lm_zoo.layers.configurable import ConfigurableLayer
from lm_zoo.layers.dense import normal_dense
from lm_zoo.layers.dropout import named_dropout
from lm_zoo.types import Tensor, Texts


@keras.saving.register_keras_serializable(package="lm_zoo")
class CausalSelfAttention(ConfigurableLayer):
    """Multi-head attention (Vaswani et al. 2017) with one product for queries, keys and values.

    The fused kernel's columns are queries, keys, values, each with its heads one after the other:
    GPT-2's order. With fewer key/value heads than heads, neighbouring heads share one
    (grouped-query attention, Ainslie et al. 2023).

    Plain batched matrix products are used, which was the fastest of five forms on a CPU. The
    softmax is float32 under every dtype policy.

    Args:
        hidden_dim: Width of input and output.
        num_heads: Query heads; divides `hidden_dim`.
        num_kv_heads: Key/value heads; divides `num_heads`.
        dropout: Share of the attention weights dropped in training.
        use_bias: Whether the two products have biases.
        output_stddev: Standard deviation of the output kernel's initial weights.
        seed: Seed of the initial weights and of dropout; None draws new ones each time.
        stddev: Standard deviation of the other initial weights.
        scale: What products of queries and keys are multiplied by; None is `head_dim ** -0.5`.
    """

    def __init__(
        self,
        hidden_dim: int,
        num_heads: int,
        num_kv_heads: int,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_stddev: float = 0.02,
        seed: int | None = None,
        stddev: float = 0.02,
        scale: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        self.set_arguments(locals())
        self.head_dim = hidden_dim // num_heads
        fused, dtype = (num_heads + 2 * num_kv_heads) * self.head_dim, self.dtype_policy
        self.query_key_value = normal_dense(
            fused, "query_key_value", seed, stddev, use_bias=use_bias, dtype=dtype
        )
        self.output_projection = normal_dense(
            hidden_dim, "output_projection", seed, output_stddev, use_bias=use_bias, dtype=dtype
        )
        self.weight_dropout = named_dropout(dropout, seed, "weight_dropout", dtype)

    def build(self, input_shape: Any = None) -> None:
        self.query_key_value.build((None, None, self.hidden_dim))
        self.output_projection.build((None, None, self.hidden_dim))
        self.weight_dropout.build()

    def call(
        self,
        x: Tensor,
        mask: Tensor | None = None,
        rotation: Tensor | None = None,
        cache: Tensor | None = None,
        position: Any = None,
        sources: Texts | None = None,
        training: bool = False,
    ) -> Tensor:
        """Attends from each token to itself and the tokens before it.

        Args:
            x: Shape `(batch, length, hidden_dim)`.
            mask: Added to the scores: `causal_mask(length)`, or with a cache `cache_mask(...)`, or
                that of `read_documents`. None or a Keras mask, as in `keras.Sequential`, stand for
                the causal mask, and give the outputs alone.
            rotation: From `lm_zoo.layers.attention.rotary.rotation`, or None.
            cache: `(keys, values)` of the tokens before, or None to attend within `x` alone.
            position: With a cache: number of tokens before `x` in each row, shape `(batch,)`.
            sources: With a cache and documents: from `read_documents`; `x` is then read after all
                of the cache's slots, wherever they end, and `position` is not used.
            training: Whether dropout is on.

        Returns:
            `(outputs, cache)`: shape `(batch, length, hidden_dim)`, and the cache with `x` in it.
            Without a given mask the outputs alone.
        """
        mask, is_plain = self_attention_mask(x, mask)
        batch, length = tf.shape(x)[0], tf.shape(x)[1]
        queries, keys, values = self.project(x, rotation)
        if cache is not None and sources is not None:
            keys, values = (
                tf.concat([old, new], 2) for old, new in zip(cache, (keys, values), strict=True)
            )  # (B, K, S + T, D)
            cache = tuple(tf.gather(t, sources, axis=2, batch_dims=1) for t in (keys, values))
        elif cache is not None:
            keys, values = (
                write(old, new, position) for old, new in zip(cache, (keys, values), strict=True)
            )
            cache = (keys, values)
        # The queries of heads that share keys are read as one longer sequence, so that no key is
        # copied: (B, K, G, T, D) -> (B, K, G * T, D), with K key/value heads and groups of G.
        grouped = (batch, self.num_kv_heads, -1, self.head_dim)
        scores = tf.matmul(tf.reshape(queries, grouped), keys, transpose_b=True)  # (B, K, G*T, S)
        per_head = (batch, self.num_heads, length, tf.shape(keys)[2])
        scores = tf.cast(tf.reshape(scores, per_head), tf.float32) + mask  # (B, H, T, S)
        weights = tf.cast(tf.nn.softmax(scores), self.compute_dtype)
        weights = self.weight_dropout(weights, training=training)
        weights = tf.reshape(weights, (batch, self.num_kv_heads, -1, tf.shape(keys)[2]))
        mixed = tf.matmul(weights, values)  # (B, K, G*T, D)
        mixed = tf.reshape(mixed, (batch, self.num_heads, length, self.head_dim))
        mixed = tf.transpose(mixed, (0, 2, 1, 3))  # (B, T, H, D)
        mixed = tf.reshape(mixed, (batch, length, self.hidden_dim))
        outputs = self.output_projection(mixed)
        return outputs if is_plain else (outputs, cache)

    def project(self, x: Tensor, rotation: Tensor) -> Any:
        """Returns queries `(B, H, T, D)`, already scaled, and keys and values `(B, K, T, D)`."""
        rotated = self.num_heads + self.num_kv_heads
        total = rotated + self.num_kv_heads
        heads = tf.reshape(
            self.query_key_value(x), (tf.shape(x)[0], tf.shape(x)[1], total, self.head_dim)
        )
        heads = tf.transpose(heads, (0, 2, 1, 3))  # (B, H + 2 K, T, D)
        if rotation is None:
            sizes = [self.num_heads, self.num_kv_heads, self.num_kv_heads]
            queries, keys, values = tf.split(heads, sizes, 1)
        else:
            turned = rotate(heads[:, :rotated], rotation)
            queries, keys = turned[:, : self.num_heads], turned[:, self.num_heads :]
            values = heads[:, rotated:]
        scale = self.head_dim**-0.5 if self.scale is None else self.scale
        return queries * scale, keys, values

    def flops_per_token(self, sequence_length: Any) -> int:
        projections = 2 * self.hidden_dim * (self.query_key_value.units + self.hidden_dim)
        return projections + 4 * self.hidden_dim * sequence_length  # scores, and sums of values
