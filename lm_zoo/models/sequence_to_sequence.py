"""The base class of models that read one text and write another."""

from typing import Any

import tensorflow as tf

from lm_zoo.checked_fields import require
from lm_zoo.errors import UserError
from lm_zoo.models.language_model import LanguageModel
from lm_zoo.types import Tensor, Texts


class SequenceToSequenceModel(LanguageModel):
    """A language model of the target text, given a source text.

    `encode` reads the source into a memory; a state holds that memory beside what was written so
    far, so whatever reads and writes through states (`forward`, generation, beam search, scoring)
    needs nothing more. Without a source the model is a language model of target texts: its memory
    is then that of an empty source.

    Attributes:
        source_vocab_size: Number of different source token ids; 0 means `vocab_size`.
        source_length: The most tokens of a source, or None for any number.
    """

    source_length = None

    def check_reads(self, sources: Texts) -> None:
        if not sources:
            raise UserError(
                f"model: expected a language model, received {type(self).__name__}, which reads a "
                "source first; translate with it, or score texts with their sources."
            )

    def encode(
        self, source_ids: Tensor, lengths: Tensor | None = None, training: bool = False
    ) -> Any:
        """Reads whole sources.

        Args:
            source_ids: Integers, shape `(batch, source_length)`.
            lengths: How many tokens of each row are read, int32 `(batch,)`, where rows are padded
                on the right; None means all.
            training: Whether dropout is on.

        Returns:
            The memory: a nested tuple of tensors with the rows first, for `initial_state`.
        """
        raise NotImplementedError

    def source_features(
        self, source_ids: Tensor, lengths: Tensor | None = None, training: bool = False
    ) -> Any:
        """Returns what the encoder makes of each source token, `(batch, source_length, width)`.

        The arguments are those of `encode`. The vectors of padding mean nothing.
        """
        raise NotImplementedError

    def empty_memory(self, batch_size: int) -> Any:
        """Returns the memory of sources without any token."""
        raise NotImplementedError

    def initial_state(
        self, batch_size: int, num_slots: Any = None, memory: Tensor | None = None
    ) -> Tensor:
        """Returns the state before the first target token, given `memory` from `encode` (None: an
        empty source).

        The state is a tuple whose last entry is the memory itself. It may have fewer sources than
        there are rows: `batch_size / sources` neighbouring rows then share each.
        """
        raise NotImplementedError

    def features_and_attention(self, token_ids: Tensor, state: Tensor) -> Any:
        """Returns `features`' result, and each token's attention to its source.

        Returns:
            `(features, state, weights)`: float32 `(batch, length, source_length)`, those of the
            last layer that attends to the source, averaged over its heads; a row sums to 1.
        """
        raise NotImplementedError

    def call(
        self,
        token_ids: Tensor,
        training: bool = False,
        document_starts: Tensor | None = None,
        source_ids: Tensor | None = None,
        source_lengths: Tensor | None = None,
    ) -> Tensor:
        """Returns the logits `(batch, length, vocab_size)` of target texts, from their start.

        Args:
            token_ids: Target ids, shape `(batch, length)`.
            training: Whether dropout is on.
            document_starts: True where a token begins a document, which resets the state; bool
                `(batch, length)`, or None.
            source_ids: Source ids, shape `(batch, source_length)`; None is an empty source.
            source_lengths: Tokens of each source, int32 `(batch,)`; the rest is padding. None is
                all.
        """
        memory = None
        if source_ids is not None:
            memory = self.encode(source_ids, source_lengths, training)
        token_ids = self.prepare(token_ids)
        state = self.initial_state(tf.shape(token_ids)[0], memory=memory)
        return self.forward(token_ids, state, training, document_starts)[0]

    def attention_weights(
        self, token_ids: Tensor, source_ids: Tensor, source_lengths: Tensor | None = None
    ) -> Any:
        """Returns each target token's attention to its source.

        Args:
            token_ids: Target ids, shape `(batch, length)`.
            source_ids: Source ids, shape `(batch, source_length)`.
            source_lengths: Tokens of each source, int32 `(batch,)`; the rest is padding. None is
                all.

        Returns:
            A tuple with a float32 tensor for each layer that attends to the source, first layer
            first, shape `(batch, num_heads, length, source_length)`; each row of it sums to 1.
        """
        raise NotImplementedError

    def check_source_length(self, source_ids: Tensor) -> None:
        """Raises a `UserError` for a source longer than the model can read, if that is known."""
        length, limit = source_ids.shape[1], self.source_length
        if length is not None and limit is not None and length > limit:
            raise UserError(
                f"source_ids: expected at most source_length ({limit}) tokens per row, received "
                f"{length}. Shorten the text, or build the model with a larger source_length."
            )


def check_shared_embeddings(model):
    """Raises a `UserError` if source and target share an embedding and are of two vocabularies."""
    expected = f"0 or vocab_size ({model.vocab_size}) with share_embeddings"
    fits = not model.share_embeddings or model.source_vocab_size in (0, model.vocab_size)
    require(fits, "source_vocab_size", expected, model.source_vocab_size)


def lengths_of(token_ids, lengths=None):
    """Returns the lengths of padded rows, int32 `(batch,)`: those given, or all of each row."""
    shape = tf.shape(token_ids)
    return tf.fill([shape[0]], shape[1]) if lengths is None else lengths


def pad_mask(lengths, size):
    """Returns what is added to scores over a source: 0, and -1e30 for padding.

    Args:
        lengths: int32, shape `(batch,)`.
        size: Number of places, an int or a scalar tensor.

    Returns:
        float32, shape `(batch, size)`.
    """
    return tf.where(tf.range(size)[None] < lengths[:, None], 0.0, -1e30)
