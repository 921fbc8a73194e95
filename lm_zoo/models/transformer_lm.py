"""What the Transformers that write text share: reading tokens with or without a cache."""

import math
import typing
from typing import Any

import tensorflow as tf

from lm_zoo.checked_fields import require
from lm_zoo.errors import UserError, unknown_name
from lm_zoo.layers import feed_forward as feed_forward_layers
from lm_zoo.layers import normalization as normalization_layers
from lm_zoo.layers.attention.document_mask import read_documents
from lm_zoo.layers.attention.key_value_cache import (
    cache_mask,
    causal_mask,
    empty_cache,
    num_slots,
    where_to_write,
)
from lm_zoo.layers.attention.rotary import rotation
from lm_zoo.layers.transformer_block import TransformerBlock
from lm_zoo.layers.wide_sums import add_shared
from lm_zoo.models.arguments import require_at_least
from lm_zoo.models.language_model import LanguageModel
from lm_zoo.types import Tensor, Texts


class Memory(typing.NamedTuple):
    """A source as a decoder's blocks attend to it.

    Attributes:
        mask: Added to the scores, 0 or -1e30, float32 `(batch, 1, 1, source_length)`.
        keys_and_values: For each block, `(batch, num_heads, source_length, head_dim)` twice.
    """

    mask: tf.Tensor
    keys_and_values: tuple


class TransformerLM(LanguageModel):
    """A stack of blocks with a causal mask between an embedding and logits.

    Subclasses make, in their constructor, `token_embedding`, `position_embedding` (or None),
    `embedding_dropout`, `blocks`, `final_norm` (or None) and `output_projection`, and keep
    `position`, `rope_theta`, `num_heads`, `num_kv_heads`, `head_dim`, `hidden_dim`, `num_layers`,
    `context_length` and `tie_embeddings`.
    """

    rope_scaling = None

    def build(self, input_shape: Any = None) -> None:
        self.token_embedding.build()
        if self.position_embedding is not None:
            self.position_embedding.build()
        self.embedding_dropout.build()
        for block in self.blocks:
            block.build()
        if self.final_norm is not None:
            self.final_norm.build((None, None, self.hidden_dim))
        self.output_projection.build()

    def initial_state(self, batch_size: int, num_slots: Any = None) -> Tensor:
        position = tf.zeros((batch_size,), tf.int32)
        cache = empty_cache(
            batch_size,
            self.num_kv_heads or self.num_heads,
            self.context_length if num_slots is None else num_slots,
            self.head_dim,
            self.compute_dtype,
        )
        return position, (cache,) * self.num_layers

    def features(
        self,
        token_ids: Tensor,
        state: Tensor,
        training: bool = False,
        document_starts: Tensor | None = None,
        lengths: Tensor | None = None,
    ) -> Tensor:
        """Reads the next tokens; a row must not be fed more tokens in all, or of one document, than
        its state has slots (`context_length`, unless `initial_state` was told otherwise)."""
        features, state, _ = self.read(token_ids, state, training, document_starts, lengths)
        return features, state

    def read(
        self,
        token_ids: Tensor,
        state: Tensor,
        training: bool = False,
        document_starts: Tensor | None = None,
        lengths: Tensor | None = None,
        memory: Tensor | None = None,
    ) -> Any:
        """Returns the features of tokens that may attend to a `Memory`.

        Args:
            token_ids: Integers, shape `(batch, length)`.
            state: `(position, caches)` from `initial_state` or an earlier call.
            training: Whether dropout is on.
            document_starts: True where a token begins a document, bool `(batch, length)`, or None.
            lengths: Tokens of each row, int32 `(batch,)`; the rest is padding. None is all.
            memory: `Memory` of a source, or None.

        Returns:
            `(features, state, weights)`: features `(batch, length, hidden_dim)`, the new state, and
            each block's attention weights to the memory.
        """
        token_ids = self.prepare(token_ids)
        position, caches = state
        slots = num_slots(caches[0])
        if document_starts is not None:
            documents = read_documents(document_starts, position, slots)
            features, caches, weights = self.run(
                token_ids,
                documents.positions,
                documents.mask,
                caches,
                None,
                training,
                documents.sources,
                memory,
            )
            return features, (documents.num_read, caches), weights
        length = tf.shape(token_ids)[1]
        # Padding may stand beyond the last slot, where there is no position.
        positions = tf.minimum(position[:, None] + tf.range(length)[None], slots - 1)  # (B, T)
        one_token = token_ids.shape[1] == 1 and lengths is not None
        features, caches, weights = self.run(
            token_ids,
            positions,
            cache_mask(position, length, slots),
            caches,
            where_to_write(position, lengths) if one_token else position,
            training,
            memory=memory,
        )
        # The slots of padding are written too, and written again before any mask shows them.
        position = position + (length if lengths is None else lengths)
        return features, (position, caches), weights

    def read_from_start(
        self,
        token_ids: Tensor,
        training: bool = False,
        document_starts: Tensor | None = None,
        memory: Tensor | None = None,
    ) -> Any:
        """Reads texts from their start without a cache.

        Args:
            token_ids: Integers, shape `(batch, length)`.
            training: Whether dropout is on.
            document_starts: True where a token begins a document, bool `(batch, length)`, or None.
            memory: `Memory` of a source, or None.

        Returns:
            `(features, weights)`: `(batch, length, hidden_dim)`, and each block's attention weights
            to the memory.
        """
        token_ids = self.prepare(token_ids)
        length = tf.shape(token_ids)[1]
        if document_starts is None:
            positions, mask = tf.range(length), causal_mask(length)
        else:
            nothing_read = tf.zeros((tf.shape(token_ids)[0],), tf.int32)
            positions, mask, *_ = read_documents(document_starts, nothing_read, num_slots=0)
        no_caches = (None,) * self.num_layers
        features, _, weights = self.run(
            token_ids, positions, mask, no_caches, None, training, memory=memory
        )
        return features, weights

    def features_of_texts(
        self, token_ids: Tensor, lengths: Tensor | None = None, training: bool = False
    ) -> Any:
        # No token sees one after it, so padding on the right needs no mask.
        return self.read_from_start(token_ids, training)[0]

    def call(
        self, token_ids: Tensor, training: bool = False, document_starts: Tensor | None = None
    ) -> Tensor:
        return self.logits(self.read_from_start(token_ids, training, document_starts)[0])

    def run(
        self,
        token_ids: Tensor,
        positions: Tensor,
        mask: Tensor,
        caches: Tensor,
        position: Any,
        training: bool,
        sources: Texts | None = None,
        memory: Tensor | None = None,
    ) -> Any:
        """Runs all blocks, with or without a cache.

        Args:
            token_ids: Integers, shape `(batch, length)`.
            positions: Positions of the tokens, shape `(length,)` or `(batch, length)`.
            mask: Added to the attention scores, float32 `(length, length)` without a cache, else
                `(batch, 1, length, slots)`.
            caches: One `(keys, values)` for each block, each of shape `(batch, num_kv_heads, slots,
                head_dim)`; or a None for each block.
            position: Number of tokens before these in each row, int32 `(batch,)`, or None.
            training: Whether dropout is on.
            sources: With caches and documents, from `read_documents`; else None.
            memory: `Memory`, for blocks that attend to one; else None.

        Returns:
            `(features, caches, weights)`; the weights are each block's attention to the memory, or
            Nones.
        """
        length = token_ids.shape[1]
        if length is not None and length > self.context_length:
            raise UserError(
                f"token_ids: expected at most context_length ({self.context_length}) tokens per "
                f"row, received {length}. Shorten the text, or build the model with a longer "
                "context."
            )
        x = self.embed(token_ids, positions, training)  # (B, T, C)
        turn = None
        if self.position == "rope":
            turn = rotation(positions, self.head_dim, self.rope_theta, self.rope_scaling)
        mask_of_memory, memories = memory or (None, (None,) * self.num_layers)
        new_caches, weights = [], []
        for block, cache, keys_and_values in zip(self.blocks, caches, memories, strict=True):
            x, cache, block_weights = block(
                x,
                mask,
                turn,
                cache,
                position,
                sources,
                training=training,
                memory=keys_and_values,
                memory_mask=mask_of_memory,
            )
            new_caches.append(cache)
            weights.append(block_weights)
        if self.final_norm is not None:
            x = self.final_norm(x)
        return x, tuple(new_caches), tuple(weights)

    def embed(self, token_ids: Tensor, positions: Tensor, training: bool) -> Tensor:
        """Returns the vectors that the first block reads.

        Args:
            token_ids: Integers, shape `(batch, length)`.
            positions: Integers, shape `(length,)` or `(batch, length)`.
            training: Whether dropout is on.

        Returns:
            Shape `(batch, length, hidden_dim)`.
        """
        x = self.token_embedding(token_ids)
        if self.position_embedding is not None:
            x = add_shared(x, self.position_embedding(positions))
        return self.embedding_dropout(x, training=training)

    def layer_flops_per_token(self, layer: Any, sequence_length: Any) -> int:
        if isinstance(layer, TransformerBlock):
            return layer.flops_per_token(sequence_length)
        return super().layer_flops_per_token(layer, sequence_length)


def check_transformer(model, positions):
    """Checks what Transformers have in common, from their attributes; sets `head_dim`.

    Raises:
        UserError: Naming the argument.
    """
    names = ("vocab_size", "hidden_dim", "num_layers", "num_heads", "context_length")
    require_at_least(1, **{name: getattr(model, name) for name in names})
    names = ("num_kv_heads", "intermediate_dim")
    require_at_least(0, **{name: getattr(model, name) for name in names})
    for name, known in (
        ("position", positions),
        ("normalization", normalization_layers.KINDS),
        ("feed_forward", feed_forward_layers.KINDS),
    ):
        if getattr(model, name) not in known:
            raise unknown_name(name, getattr(model, name), known)
    heads = model.num_heads
    divides = f"a divisor of hidden_dim ({model.hidden_dim})"
    require(model.hidden_dim % heads == 0, "num_heads", divides, heads)
    require(
        model.num_kv_heads == 0 or heads % model.num_kv_heads == 0,
        "num_kv_heads",
        f"0 or a divisor of num_heads ({heads})",
        model.num_kv_heads,
    )
    require(
        model.position != "rope" or model.hidden_dim // heads % 2 == 0,
        "num_heads",
        "heads of even width for position='rope'",
        heads,
    )
    require_at_least(0, vocab_padding=model.vocab_padding)
    require(model.rope_theta > 0, "rope_theta", "a number above 0", model.rope_theta)
    model.head_dim = model.hidden_dim // heads


def default_intermediate_dim(hidden_dim, feed_forward):
    """4 times the width, or for `swiglu` 8/3 of it (as many weights), a multiple of 64."""
    if feed_forward != "swiglu":
        return 4 * hidden_dim
    return 64 * math.ceil(8 * hidden_dim / 3 / 64)
