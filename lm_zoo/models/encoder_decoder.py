"""The Transformer with encoder and decoder (Vaswani et al. 2017)."""

import math
from typing import Any

import keras
import tensorflow as tf

from lm_zoo.checked_fields import require
from lm_zoo.layers import initializers
from lm_zoo.layers.attention.rotary import rotation
from lm_zoo.layers.attention.sinusoidal import sinusoidal
from lm_zoo.layers.dropout import named_dropout
from lm_zoo.layers.embedding import Embedding
from lm_zoo.layers.initializers import derive_seed
from lm_zoo.layers.normalization import normalization as new_normalization
from lm_zoo.layers.output_projection import OutputProjection
from lm_zoo.layers.transformer_block import TransformerBlock
from lm_zoo.layers.wide_sums import add_shared
from lm_zoo.models.arguments import require_at_least
from lm_zoo.models.sequence_to_sequence import (
    SequenceToSequenceModel,
    check_shared_embeddings,
    lengths_of,
    pad_mask,
)
from lm_zoo.models.transformer_lm import (
    Memory,
    TransformerLM,
    check_transformer,
    default_intermediate_dim,
)
from lm_zoo.types import Tensor

POSITIONS = ("sinusoidal", "learned", "rope")


@keras.saving.register_keras_serializable(package="lm_zoo")
class EncoderDecoder(TransformerLM, SequenceToSequenceModel):
    """Blocks that read the source in both directions, and blocks that write, looking at it.

    By default it is the paper's model with normalisation before each part (which trains without
    care) and a last one after all; `normalize_first=False` is the paper's own order.

    Its state is `(position, caches, memory)`: those of `TransformerDecoder`, and `(lengths,
    keys_and_values)`: the sources' lengths, int32 `(batch,)`, and for each block the keys and
    values of the source, `(batch, num_heads, source_length, head_dim)`, in the compute dtype.

    Args:
        vocab_size: Number of target tokens.
        source_vocab_size: Number of source tokens; 0 means `vocab_size`, as a joint tokenizer has.
        hidden_dim: Width.
        num_layers: Number of decoder blocks.
        num_encoder_layers: Number of encoder blocks; 0 means `num_layers`.
        num_heads: Heads of every attention; divides `hidden_dim`.
        num_kv_heads: Key/value heads of the decoder's self-attention; 0 means `num_heads`.
        intermediate_dim: Width inside the feed-forward parts; 0 means 4 `hidden_dim`, or for
            `swiglu` 8/3 of it, rounded up to a multiple of 64.
        context_length: The most tokens in one target text.
        source_length: The most tokens in one source.
        position: `sinusoidal`, `learned` or `rope`.
        rope_theta: Base of the rotary wavelengths.
        normalization: `layer_norm` or `rms_norm`.
        normalize_first: Whether normalisation stands before each part and after the last.
        feed_forward: `relu`, `gelu` or `swiglu`.
        use_bias: Whether products and layer normalisations have biases.
        share_embeddings: Whether source and target have one embedding; needs one vocabulary.
        tie_embeddings: Whether the output uses the target embedding's vectors.
        dropout: Share dropped of the embeddings, attention weights and residuals in training.
        seed: Of the initial weights, and of dropout under plain `fit`; None draws anew each time.
    """

    SIZES = {
        "tiny": dict(hidden_dim=64, num_layers=2, num_heads=4, intermediate_dim=128),
        "transformer_base": dict(
            hidden_dim=512, num_layers=6, num_heads=8, dropout=0.1, normalize_first=False
        ),
        "transformer_big": dict(
            hidden_dim=1024, num_layers=6, num_heads=16, dropout=0.3, normalize_first=False
        ),
        "multi30k_small": dict(
            hidden_dim=256, num_layers=3, num_heads=8, intermediate_dim=512, dropout=0.1
        ),
    }

    def __init__(
        self,
        vocab_size: int,
        source_vocab_size: int = 0,
        hidden_dim: int = 256,
        num_layers: int = 3,
        num_encoder_layers: int = 0,
        num_heads: int = 8,
        num_kv_heads: int = 0,
        intermediate_dim: int = 0,
        context_length: int = 256,
        source_length: int = 256,
        position: str = "sinusoidal",
        rope_theta: float = 10000.0,
        normalization: str = "layer_norm",
        normalize_first: bool = True,
        feed_forward: str = "relu",
        use_bias: bool = True,
        share_embeddings: bool = True,
        tie_embeddings: bool = True,
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.set_arguments(locals())
        check_transformer(self, POSITIONS)
        require_at_least(1, source_length=source_length)
        require_at_least(0, source_vocab_size=source_vocab_size)
        require_at_least(0, num_encoder_layers=num_encoder_layers)
        check_shared_embeddings(self)
        require(hidden_dim % 2 == 0, "hidden_dim", "an even number", hidden_dim)
        self._make_embeddings()
        self.encoder_blocks = tuple(
            self._block(f"encoder_block_{index}", num_kv_heads=num_heads, cross_attention=False)
            for index in range(num_encoder_layers or num_layers)
        )
        self.blocks = tuple(
            self._block(f"block_{index}", num_kv_heads or num_heads, cross_attention=True)
            for index in range(num_layers)
        )
        self.encoder_norm = self._last_norm("encoder_norm")
        self.final_norm = self._last_norm("final_norm")
        self.output_projection = OutputProjection(
            vocab_size,
            hidden_dim,
            tied=tie_embeddings,
            kernel_initializer=initializers.normal(hidden_dim**-0.5, seed, "output_projection"),
            name="output_projection",
            dtype=self.dtype_policy,
        )

    def _make_embeddings(self):
        def table(name, rows):
            # Multiplied by the root of the width before use: vectors of about the positions' size.
            initializer = initializers.normal(self.hidden_dim**-0.5, self.seed, name)
            return Embedding(rows, self.hidden_dim, initializer, name=name, dtype=self.dtype_policy)

        def dropout(name):
            return named_dropout(self.dropout, self.seed, name, self.dtype_policy)

        self.token_embedding = table("token_embedding", self.vocab_size)
        self.source_embedding = None
        if not self.share_embeddings:
            rows = self.source_vocab_size or self.vocab_size
            self.source_embedding = table("source_embedding", rows)
        self.position_embedding = self.source_position_embedding = None
        if self.position == "learned":
            self.position_embedding = table("position_embedding", self.context_length)
            self.source_position_embedding = table("source_position_embedding", self.source_length)
        self.embedding_dropout = dropout("embedding_dropout")
        self.source_dropout = dropout("source_dropout")

    def _block(self, name, num_kv_heads, cross_attention):
        stddev = self.hidden_dim**-0.5  # Glorot's for square products
        return TransformerBlock(
            self.hidden_dim,
            self.num_heads,
            num_kv_heads,
            self.intermediate_dim or default_intermediate_dim(self.hidden_dim, self.feed_forward),
            normalization=self.normalization,
            feed_forward=self.feed_forward,
            dropout=self.dropout,
            use_bias=self.use_bias,
            residual_stddev=stddev,
            seed=derive_seed(self.seed, name),
            stddev=stddev,
            normalize_first=self.normalize_first,
            cross_attention=cross_attention,
            name=name,
            dtype=self.dtype_policy,
        )

    def _last_norm(self, name):
        if not self.normalize_first:
            return None
        return new_normalization(self.normalization, self.use_bias, name, self.dtype_policy)

    def build(self, input_shape: Any = None) -> None:
        super().build(input_shape)
        for embedding in (self.source_embedding, self.source_position_embedding):
            if embedding is not None:
                embedding.build()
        self.source_dropout.build()
        for block in self.encoder_blocks:
            block.build()
        if self.encoder_norm is not None:
            self.encoder_norm.build((None, None, self.hidden_dim))

    def encode(
        self, source_ids: Tensor, lengths: Tensor | None = None, training: bool = False
    ) -> Any:
        x = self.source_features(source_ids, lengths, training)
        lengths = lengths_of(source_ids, lengths)
        return lengths, tuple(block.memory_attention.read(x) for block in self.blocks)

    def source_features(
        self, source_ids: Tensor, lengths: Tensor | None = None, training: bool = False
    ) -> Any:
        source_ids = self.prepare(source_ids)
        self.check_source_length(source_ids)
        shape, lengths = tf.shape(source_ids), lengths_of(source_ids, lengths)
        positions, turn = tf.range(shape[1]), None
        table = self.source_embedding or self.token_embedding
        x = self._positioned(table(source_ids), self.source_position_embedding, positions)
        x = self.source_dropout(x, training=training)
        if self.position == "rope":
            turn = rotation(positions, self.head_dim, self.rope_theta)
        mask = pad_mask(lengths, shape[1])[:, None, None]
        for block in self.encoder_blocks:
            x, _, _ = block(x, mask, turn, training=training)
        return x if self.encoder_norm is None else self.encoder_norm(x)

    def empty_memory(self, batch_size: int) -> Any:
        nothing = tuple(block.memory_attention.empty(batch_size) for block in self.blocks)
        return tf.zeros((batch_size,), tf.int32), nothing

    def initial_state(
        self, batch_size: int, num_slots: Any = None, memory: Tensor | None = None
    ) -> Tensor:
        state = TransformerLM.initial_state(self, batch_size, num_slots)
        return *state, self.empty_memory(batch_size) if memory is None else memory

    def features(
        self,
        token_ids: Tensor,
        state: Tensor,
        training: bool = False,
        document_starts: Tensor | None = None,
        lengths: Tensor | None = None,
    ) -> Tensor:
        return self._read(token_ids, state, training, document_starts, lengths)[:2]

    def features_and_attention(self, token_ids: Tensor, state: Tensor) -> Any:
        features, state, weights = self._read(token_ids, state)
        return features, state, tf.reduce_mean(weights[-1], 1)

    def _read(self, token_ids, state, training=False, document_starts=None, lengths=None):
        """Returns `(features, state, weights)`: each block's attention weights in addition to
        `features`."""
        *state, memory = state
        features, state, weights = self.read(
            token_ids, state, training, document_starts, lengths, _masked(memory)
        )
        return features, (*state, memory), weights

    def call(
        self,
        token_ids: Tensor,
        training: bool = False,
        document_starts: Tensor | None = None,
        source_ids: Tensor | None = None,
        source_lengths: Tensor | None = None,
    ) -> Tensor:
        token_ids = self.prepare(token_ids)
        if source_ids is None:
            memory = self.empty_memory(tf.shape(token_ids)[0])
        else:
            memory = self.encode(source_ids, source_lengths, training)
        features, _ = self.read_from_start(token_ids, training, document_starts, _masked(memory))
        return self.logits(features)

    def attention_weights(
        self, token_ids: Tensor, source_ids: Tensor, source_lengths: Tensor | None = None
    ) -> Any:
        memory = _masked(self.encode(source_ids, source_lengths))
        return self.read_from_start(token_ids, memory=memory)[1]

    def embed(self, token_ids: Tensor, positions: Tensor, training: bool) -> Tensor:
        x = self._positioned(self.token_embedding(token_ids), self.position_embedding, positions)
        return self.embedding_dropout(x, training=training)

    def _positioned(self, x, position_embedding, positions):
        scale = math.sqrt(self.hidden_dim)
        if self.position == "sinusoidal":
            places = sinusoidal(positions, self.hidden_dim)
            return tf.cast(tf.cast(x, tf.float32) * scale + places, self.compute_dtype)
        if position_embedding is not None:
            x = add_shared(x, position_embedding(positions))
        return x * tf.cast(scale, x.dtype)


def _masked(memory):
    """Returns the `Memory` that blocks attend to."""
    lengths, keys_and_values = memory
    size = tf.shape(keys_and_values[0][0])[2]
    return Memory(pad_mask(lengths, size)[:, None, None], keys_and_values)
