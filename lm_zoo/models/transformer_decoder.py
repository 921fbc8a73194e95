"""The decoder-only Transformer: GPT-2's by default, the current form by keyword."""

import math

import keras
import tensorflow as tf

from lm_zoo.errors import UserError, unknown_name
from lm_zoo.layers import feed_forward as feed_forward_layers
from lm_zoo.layers import initializers
from lm_zoo.layers import normalization as normalization_layers
from lm_zoo.layers.documents import read_documents
from lm_zoo.layers.dropout import Dropout
from lm_zoo.layers.embedding import Embedding
from lm_zoo.layers.initializers import derive_seed
from lm_zoo.layers.key_value_cache import (
    cache_mask,
    causal_mask,
    empty_cache,
    num_slots,
    where_to_write,
)
from lm_zoo.layers.output_projection import OutputProjection
from lm_zoo.layers.rotary import rotation
from lm_zoo.layers.transformer_block import TransformerBlock
from lm_zoo.models.arguments import require, require_at_least
from lm_zoo.models.language_model import LanguageModel

POSITIONS = ("learned", "rope")

_MODERN = dict(
    position="rope",
    normalization="rms_norm",
    feed_forward="swiglu",
    use_bias=False,
)


@keras.saving.register_keras_serializable(package="lm_zoo")
class TransformerDecoder(LanguageModel):
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
        normalization: `layer_norm` or `rms_norm`, with an epsilon of 1e-5.
        feed_forward: `gelu`, `relu` or `swiglu`.
        use_bias: Whether products and layer normalisations have biases.
        tie_embeddings: Whether the output uses the embedding's vectors.
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
        normalization: str = "layer_norm",
        feed_forward: str = "gelu",
        use_bias: bool = True,
        tie_embeddings: bool = True,
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.keep(
            vocab_size=vocab_size,
            hidden_dim=hidden_dim,
            num_layers=num_layers,
            num_heads=num_heads,
            num_kv_heads=num_kv_heads,
            intermediate_dim=intermediate_dim,
            context_length=context_length,
            position=position,
            rope_theta=rope_theta,
            normalization=normalization,
            feed_forward=feed_forward,
            use_bias=use_bias,
            tie_embeddings=tie_embeddings,
            dropout=dropout,
            seed=seed,
        )
        require_at_least(
            1,
            vocab_size=vocab_size,
            hidden_dim=hidden_dim,
            num_layers=num_layers,
            num_heads=num_heads,
            context_length=context_length,
        )
        require_at_least(0, num_kv_heads=num_kv_heads, intermediate_dim=intermediate_dim)
        for name, value, names in (
            ("position", position, POSITIONS),
            ("normalization", normalization, normalization_layers.KINDS),
            ("feed_forward", feed_forward, feed_forward_layers.KINDS),
        ):
            if value not in names:
                raise unknown_name(name, value, names)
        require(
            hidden_dim % num_heads == 0,
            "num_heads",
            f"a divisor of hidden_dim ({hidden_dim})",
            num_heads,
        )
        require(
            num_kv_heads == 0 or num_heads % num_kv_heads == 0,
            "num_kv_heads",
            f"0 or a divisor of num_heads ({num_heads})",
            num_kv_heads,
        )
        require(
            position != "rope" or hidden_dim // num_heads % 2 == 0,
            "num_heads",
            "heads of even width for position='rope'",
            num_heads,
        )
        require(rope_theta > 0, "rope_theta", "a number above 0", rope_theta)
        self.head_dim = hidden_dim // num_heads

        dtype = self.dtype_policy
        self.token_embedding = Embedding(
            vocab_size,
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
        self.embedding_dropout = Dropout(
            dropout, derive_seed(seed, "embedding_dropout"), name="embedding_dropout", dtype=dtype
        )
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
                # Each block adds two terms to the residual: GPT-2 keeps their sum's variance.
                residual_stddev=0.02 / math.sqrt(2 * num_layers),
                seed=derive_seed(seed, f"block_{index}"),
                name=f"block_{index}",
                dtype=dtype,
            )
            for index in range(num_layers)
        )
        self.final_norm = normalization_layers.normalization(
            normalization, use_bias, "final_norm", dtype
        )
        self.output_projection = OutputProjection(
            vocab_size,
            hidden_dim,
            tied=tie_embeddings,
            kernel_initializer=initializers.normal(0.02, seed, "output_projection"),
            name="output_projection",
            dtype=dtype,
        )

    def build(self, input_shape=None):
        self.token_embedding.build()
        if self.position_embedding is not None:
            self.position_embedding.build()
        self.embedding_dropout.build()
        for block in self.blocks:
            block.build()
        self.final_norm.build((None, None, self.hidden_dim))
        self.output_projection.build()

    def initial_state(self, batch_size, num_slots=None):
        position = tf.zeros((batch_size,), tf.int32)
        cache = empty_cache(
            batch_size,
            self.num_kv_heads or self.num_heads,
            self.context_length if num_slots is None else num_slots,
            self.head_dim,
            self.compute_dtype,
        )
        return position, (cache,) * self.num_layers

    def features(self, token_ids, state, training=False, document_starts=None, lengths=None):
        """Reads the next tokens; a row must not be fed more tokens in all, or of one document, than
        its state has slots (`context_length`, unless `initial_state` was told otherwise)."""
        token_ids = self.prepare(token_ids)
        position, caches = state
        slots = num_slots(caches[0])
        if document_starts is not None:
            documents = read_documents(document_starts, position, slots)
            features, caches = self.run(
                token_ids,
                documents.positions,
                documents.mask,
                caches,
                None,
                training,
                documents.sources,
            )
            return features, (documents.num_read, caches)
        length = tf.shape(token_ids)[1]
        # Padding may stand beyond the last slot, where there is no position.
        positions = tf.minimum(position[:, None] + tf.range(length)[None], slots - 1)  # (B, T)
        one_token = token_ids.shape[1] == 1 and lengths is not None
        features, caches = self.run(
            token_ids,
            positions,
            cache_mask(position, length, slots),
            caches,
            where_to_write(position, lengths) if one_token else position,
            training,
        )
        # The slots of padding are written too, and written again before any mask shows them.
        return features, (position + (length if lengths is None else lengths), caches)

    def logits(self, features):
        table = self.token_embedding.table if self.tie_embeddings else None
        return self.output_projection(features, table)

    def call(self, token_ids, training=False, document_starts=None):
        token_ids = self.prepare(token_ids)
        length = tf.shape(token_ids)[1]
        if document_starts is None:
            positions, mask = tf.range(length), causal_mask(length)
        else:
            nothing_read = tf.zeros((tf.shape(token_ids)[0],), tf.int32)
            positions, mask, *_ = read_documents(document_starts, nothing_read, num_slots=0)
        no_caches = (None,) * self.num_layers
        features, _ = self.run(token_ids, positions, mask, no_caches, None, training)
        return self.logits(features)

    def run(self, token_ids, positions, mask, caches, position, training, sources=None):
        """What `call` and `forward` share.

        Args:
            token_ids: Shape `(batch, length)`.
            positions: Of the tokens, shape `(length,)` or `(batch, length)`.
            mask: Added to the attention scores.
            caches: One for each block, or Nones.
            position: Number of tokens before these in each row, shape `(batch,)`, or None.
            training: Whether dropout is on.
            sources: With caches and documents, from `read_documents`.

        Returns:
            `(features, caches)`.
        """
        length = token_ids.shape[1]
        if length is not None and length > self.context_length:
            raise UserError(
                f"token_ids: expected at most context_length ({self.context_length}) tokens in a "
                f"row, received {length}. Cut the text, or build the model with a longer context."
            )
        x = self.token_embedding(token_ids)  # (B, T, C)
        turn = None
        if self.position_embedding is not None:
            x = x + self.position_embedding(positions)
        else:
            turn = rotation(positions, self.head_dim, self.rope_theta)
        x = self.embedding_dropout(x, training=training)
        new_caches = []
        for block, cache in zip(self.blocks, caches, strict=True):
            x, cache = block(x, mask, turn, cache, position, sources, training=training)
            new_caches.append(cache)
        return self.final_norm(x), tuple(new_caches)

    def layer_flops_per_token(self, layer, sequence_length):
        if isinstance(layer, TransformerBlock):
            return layer.flops_per_token(sequence_length)
        return super().layer_flops_per_token(layer, sequence_length)


def default_intermediate_dim(hidden_dim, feed_forward):
    if feed_forward != "swiglu":
        return 4 * hidden_dim
    return 64 * math.ceil(8 * hidden_dim / 3 / 64)
