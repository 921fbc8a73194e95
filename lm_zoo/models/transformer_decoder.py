"""The decoder-only Transformer: GPT-2's by default, the current form by keyword."""

import math
from typing import Any

import keras

from lm_zoo.checked_fields import require
from lm_zoo.layers import initializers
from lm_zoo.layers.attention.rope_scaling import check_rope_scaling
from lm_zoo.layers.dropout import named_dropout
from lm_zoo.layers.embedding import Embedding
from lm_zoo.layers.initializers import derive_seed
from lm_zoo.layers.normalization import EPSILON
from lm_zoo.layers.normalization import normalization as new_normalization
from lm_zoo.layers.output_projection import OutputProjection
from lm_zoo.layers.transformer_block import TransformerBlock
from lm_zoo.models.transformer_lm import (
    TransformerLM,
    check_transformer,
    default_intermediate_dim,
)

POSITIONS = ("learned", "rope")

_MODERN = dict(position="rope", normalization="rms_norm", feed_forward="swiglu", use_bias=False)


@keras.saving.register_keras_serializable(package="lm_zoo")
class TransformerDecoder(TransformerLM):
    """A stack of pre-normalised Transformer blocks with a causal mask.

    By default it is GPT-2 (Radford et al. 2019): learned positions, layer normalisation, GELU by
    the tanh approximation, biases, an output tied to the embedding. `position="rope"`,
    `normalization="rms_norm"`, `feed_forward="swiglu"`, `num_kv_heads` and `use_bias=False` make it
    Llama's architecture (Touvron et al. 2023).

    Its state is `(position, caches)`: the number of tokens that each row has read, int32
    `(batch,)`, and for each layer `(keys, values)` of shape `(batch, num_kv_heads, context_length,
    head_dim)` in the compute dtype, or with `num_slots` that many instead of `context_length`. Rows
    may stand at different positions. `call` reads texts from their start without a cache and is the
    fast path for training.

    Args:
        vocab_size: Number of tokens.
        hidden_dim: Width.
        num_layers: Number of blocks.
        num_heads: Query heads; divides `hidden_dim`.
        num_kv_heads: Key/value heads; divides `num_heads`; 0 means `num_heads`.
        intermediate_dim: Width inside the feed-forward parts; 0 means 4 `hidden_dim`, or for
            `swiglu` 8/3 `hidden_dim` (as many weights), rounded up to a multiple of 64.
        context_length: The most tokens in one text.
        position: `learned` or `rope`.
        rope_theta: Base of the rotary wavelengths.
        rope_scaling: For `rope`: a dict as in `lm_zoo.layers.attention.rope_scaling`, e.g.
            `{"rope_type": "linear", "factor": 4}`; None is none.
        normalization: `layer_norm` or `rms_norm`.
        norm_epsilon: Added to variances before their roots are taken.
        feed_forward: `gelu` (the tanh approximation), `gelu_exact`, `relu` or `swiglu`.
        use_bias: Whether products and layer normalisations have biases.
        attention_bias: Whether the products of attention have biases; None means `use_bias`.
        mlp_bias: The same of the feed-forward parts.
        scale_attention: Whether scores are divided by the root of a head's width.
        scale_attention_by_layer: Whether they are divided by the layer's number too, from 1 on
            (GPT-2 in transformers, `scale_attn_by_inverse_layer_idx`).
        tie_embeddings: Whether the output uses the embedding's vectors.
        vocab_padding: Rows of the embedding and of the output that stand for no token, after those
            of the tokens, to make their number a multiple of 64 (50,257 + 47). They are part of the
            softmax, so that training can make them improbable; none is ever generated.
        dropout: Share dropped of the embeddings, attention weights and residuals in training.
        seed: Of the initial weights, and of dropout under plain `fit`; None draws anew each time.
    """

    SIZES = {
        # nanoGPT's recipes on Tiny Shakespeare: on a CPU, and on a GPU.
        "tiny": dict(hidden_dim=128, num_layers=4, num_heads=4, context_length=64),
        "nano": dict(hidden_dim=384, num_layers=6, num_heads=6, context_length=256),
        "gpt2_small": dict(hidden_dim=768, num_layers=12, num_heads=12, dropout=0.1),
        "gpt2_medium": dict(hidden_dim=1024, num_layers=24, num_heads=16, dropout=0.1),
        "gpt2_large": dict(hidden_dim=1280, num_layers=36, num_heads=20, dropout=0.1),
        "gpt2_xl": dict(hidden_dim=1600, num_layers=48, num_heads=25, dropout=0.1),
        "modern_tiny": dict(
            hidden_dim=128, num_layers=4, num_heads=4, num_kv_heads=2, context_length=64, **_MODERN
        ),
        "modern_nano": dict(
            hidden_dim=384, num_layers=6, num_heads=6, num_kv_heads=2, context_length=256, **_MODERN
        ),
        "modern_small": dict(
            hidden_dim=768, num_layers=12, num_heads=12, num_kv_heads=4, **_MODERN
        ),
    }

    def __init__(
        self,
        vocab_size: int,
        hidden_dim: int = 128,
        num_layers: int = 4,
        num_heads: int = 4,
        num_kv_heads: int = 0,
        intermediate_dim: int = 0,
        context_length: int = 1024,
        position: str = "learned",
        rope_theta: float = 10000.0,
        rope_scaling: dict | None = None,
        normalization: str = "layer_norm",
        norm_epsilon: float = EPSILON,
        feed_forward: str = "gelu",
        use_bias: bool = True,
        attention_bias: bool | None = None,
        mlp_bias: bool | None = None,
        scale_attention: bool = True,
        scale_attention_by_layer: bool = False,
        tie_embeddings: bool = True,
        vocab_padding: int = 0,
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.set_arguments(locals())
        check_transformer(self, POSITIONS)
        require(norm_epsilon > 0, "norm_epsilon", "a number above 0", norm_epsilon)
        if rope_scaling is not None:
            self.rope_scaling = check_rope_scaling(rope_scaling)

        dtype = self.dtype_policy
        self.token_embedding = Embedding(
            self.num_rows,
            hidden_dim,
            initializers.normal(0.02, seed, "token_embedding"),
            name="token_embedding",
            dtype=dtype,
        )
        self.position_embedding = None
        if position == "learned":
            self.position_embedding = Embedding(
                context_length,
                hidden_dim,
                # OpenAI's code has 0.01; Hugging Face's and nanoGPT's 0.02 is what is in use.
                initializers.normal(0.02, seed, "position_embedding"),
                name="position_embedding",
                dtype=dtype,
            )
        self.embedding_dropout = named_dropout(dropout, seed, "embedding_dropout", dtype)
        self.blocks = tuple(
            TransformerBlock(
                hidden_dim,
                num_heads,
                num_kv_heads or num_heads,
                intermediate_dim or default_intermediate_dim(hidden_dim, feed_forward),
                normalization=normalization,
                feed_forward=feed_forward,
                dropout=dropout,
                use_bias=use_bias,
                norm_epsilon=norm_epsilon,
                attention_bias=attention_bias,
                mlp_bias=mlp_bias,
                attention_scale=self._attention_scale(index),
                # Each block adds two terms to the residual: GPT-2 keeps their sum's variance.
                residual_stddev=0.02 / math.sqrt(2 * num_layers),
                seed=derive_seed(seed, f"block_{index}"),
                name=f"block_{index}",
                dtype=dtype,
            )
            for index in range(num_layers)
        )
        self.final_norm = new_normalization(
            normalization, use_bias, "final_norm", dtype, norm_epsilon
        )
        self.output_projection = OutputProjection(
            self.num_rows,
            hidden_dim,
            tied=tie_embeddings,
            kernel_initializer=initializers.normal(0.02, seed, "output_projection"),
            name="output_projection",
            dtype=dtype,
        )

    def _attention_scale(self, index):
        """What a block multiplies its scores by; None is the usual."""
        if self.scale_attention and not self.scale_attention_by_layer:
            return None
        scale = self.head_dim**-0.5 if self.scale_attention else 1.0
        return scale / (index + 1) if self.scale_attention_by_layer else scale
