"""One block of a Transformer: decoder-only, encoder, or decoder that reads an encoder's memory."""

from typing import Any

import keras

from lm_zoo.layers.attention.cross_attention import CrossAttention
from lm_zoo.layers.attention.key_value_cache import self_attention_mask
from lm_zoo.layers.attention.self_attention import CausalSelfAttention
from lm_zoo.layers.configurable import ConfigurableLayer
from lm_zoo.layers.dropout import named_dropout
from lm_zoo.layers.feed_forward import FeedForward
from lm_zoo.layers.initializers import derive_seed
from lm_zoo.layers.normalization import EPSILON
from lm_zoo.layers.normalization import normalization as new_normalization
from lm_zoo.types import Tensor, Texts


@keras.saving.register_keras_serializable(package="lm_zoo")
class TransformerBlock(ConfigurableLayer):
    """Self-attention, attention to a memory if asked for, and feed-forward, each with a residual.

    Each part is normalised: before it (`normalize_first`), so that the residual stays as it is, or
    after the sum, as Vaswani et al. (2017) have it. The mask decides whether self-attention is
    causal.

    Args:
        hidden_dim: Width.
        num_heads: Query heads.
        num_kv_heads: Key/value heads of self-attention.
        intermediate_dim: Width inside the feed-forward part.
        normalization: `layer_norm` or `rms_norm`.
        feed_forward: `gelu`, `gelu_exact`, `relu` or `swiglu`.
        dropout: Share dropped of the attention weights and of each part's output in training.
        use_bias: Whether products and layer normalisations have biases.
        residual_stddev: Standard deviation of the initial weights that write to the residual.
        seed: Seed of the initial weights and of dropout; None draws new ones each time.
        stddev: Standard deviation of the other initial weights.
        normalize_first: Whether normalisation stands before each part.
        cross_attention: Whether there is attention to a memory.
        norm_epsilon: Added to variances before their roots are taken.
        attention_bias: Whether self-attention has biases; None means `use_bias`.
        mlp_bias: Whether the feed-forward part has biases; None means `use_bias`.
        attention_scale: Multiplies self-attention's logits; None is `head_dim**-0.5`.
    """

    def __init__(
        self,
        hidden_dim: int,
        num_heads: int,
        num_kv_heads: int,
        intermediate_dim: int,
        normalization: str = "layer_norm",
        feed_forward: str = "gelu",
        dropout: float = 0.0,
        use_bias: bool = True,
        residual_stddev: float = 0.02,
        seed: int | None = None,
        stddev: float = 0.02,
        normalize_first: bool = True,
        cross_attention: bool = False,
        norm_epsilon: float = EPSILON,
        attention_bias: bool | None = None,
        mlp_bias: bool | None = None,
        attention_scale: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        self.set_arguments(locals())
        dtype = self.dtype_policy

        def new_norm(name):
            return new_normalization(normalization, use_bias, name, dtype, norm_epsilon)

        def new_dropout(name):
            return named_dropout(dropout, seed, name, dtype)

        self.attention_norm = new_norm("attention_norm")
        self.attention = CausalSelfAttention(
            hidden_dim,
            num_heads,
            num_kv_heads,
            dropout=dropout,
            use_bias=use_bias if attention_bias is None else attention_bias,
            output_stddev=residual_stddev,
            seed=derive_seed(seed, "attention"),
            stddev=stddev,
            scale=attention_scale,
            name="attention",
            dtype=dtype,
        )
        self.attention_dropout = new_dropout("attention_dropout")
        self.memory_attention = None
        if cross_attention:
            self.memory_norm = new_norm("memory_norm")
            self.memory_attention = CrossAttention(
                hidden_dim,
                num_heads,
                dropout=dropout,
                use_bias=use_bias,
                stddev=stddev,
                seed=derive_seed(seed, "memory_attention"),
                name="memory_attention",
                dtype=dtype,
            )
            self.memory_dropout = new_dropout("memory_dropout")
        self.mlp_norm = new_norm("mlp_norm")
        self.mlp = FeedForward(
            hidden_dim,
            intermediate_dim,
            kind=feed_forward,
            use_bias=use_bias if mlp_bias is None else mlp_bias,
            output_stddev=residual_stddev,
            seed=derive_seed(seed, "mlp"),
            stddev=stddev,
            name="mlp",
            dtype=dtype,
        )
        self.mlp_dropout = new_dropout("mlp_dropout")

    def build(self, input_shape: Any = None) -> None:
        shape = (None, None, self.hidden_dim)
        for layer in (self.attention_norm, self.attention, self.mlp_norm, self.mlp):
            layer.build(shape)
        self.attention_dropout.build()
        if self.memory_attention is not None:
            self.memory_norm.build(shape)
            self.memory_attention.build(shape)
            self.memory_dropout.build()
        self.mlp_dropout.build()

    def call(
        self,
        x: Tensor,
        mask: Tensor | None = None,
        rotation: Tensor | None = None,
        cache: Tensor | None = None,
        position: Any = None,
        sources: Texts | None = None,
        training: bool = False,
        memory: Tensor | None = None,
        memory_mask: Tensor | None = None,
    ) -> Tensor:
        """Reads tokens.

        Args:
            x: Shape `(batch, length, hidden_dim)`.
            mask: Added to the scores of self-attention: `causal_mask(length)`, or with a cache
                `cache_mask(...)`, or that of `read_documents`. None or a Keras mask, as in
                `keras.Sequential`, stand for the causal mask, and give `x` alone.
            rotation: From `lm_zoo.layers.attention.rotary.rotation`, or None.
            cache: `(keys, values)` of the tokens before, or None to attend within `x` alone.
            position: With a cache: number of tokens before `x` in each row, shape `(batch,)`.
            sources: With a cache and documents: from `read_documents`.
            training: Whether dropout is on.
            memory: With `cross_attention`: keys and values from `memory_attention.read`; without a
                memory mask the encoder's vectors, shape `(batch, source_length, hidden_dim)`.
            memory_mask: Added to the scores over the memory, `(batch, 1, 1, source_length)`; None
                hides nothing.

        Returns:
            `(x, cache, memory_weights)`; the weights of attention to the memory, or None. Without
            a given mask `x` alone.
        """
        mask, is_plain = self_attention_mask(x, mask)

        def add(x, norm, part, dropout):
            """Adds what `part` makes of x, and returns whatever else it returned."""
            y, more = part(norm(x) if self.normalize_first else x)
            x = x + dropout(y, training=training)
            return (x if self.normalize_first else norm(x)), more

        def attend(x):
            return self.attention(
                x,
                mask,
                rotation=rotation,
                cache=cache,
                position=position,
                sources=sources,
                training=training,
            )

        def attend_to_memory(x):
            found = self.memory_attention(x, memory, memory_mask, training=training)
            return (found, None) if memory_mask is None else found

        weights = None
        x, cache = add(x, self.attention_norm, attend, self.attention_dropout)
        if self.memory_attention is not None:
            x, weights = add(x, self.memory_norm, attend_to_memory, self.memory_dropout)
        x, _ = add(x, self.mlp_norm, lambda x: (self.mlp(x), None), self.mlp_dropout)
        return x if is_plain else (x, cache, weights)

    def flops_per_token(self, sequence_length: Any) -> int:
        flops = self.attention.flops_per_token(sequence_length) + self.mlp.flops_per_token()
        if self.memory_attention is not None:
            flops += self.memory_attention.flops_per_token(sequence_length)
        return flops
