"""The base class of every language model: one way to run it, with or without carried state."""

from typing import Any

import keras
import tensorflow as tf

from lm_zoo.errors import UserError, unknown_name
from lm_zoo.layers.configurable import Configurable
from lm_zoo.models.arguments import check_arguments
from lm_zoo.models.model_summary import ModelSummary
from lm_zoo.types import Tensor, Texts

_KERAS_ARGUMENTS = ("name", "dtype", "trainable", "autocast", "activity_regularizer")


class LanguageModel(Configurable, ModelSummary, keras.Model):
    """A model that gives the next token's logits at every position, and can carry state.

    Attributes:
        vocab_size: Number of different token ids; ids run from 0 to `vocab_size - 1`.
        vocab_padding: How many rows of the embedding and of the output stand after those for no
            token. They are columns of the logits and part of the softmax, which is the model's own;
            no row of them is ever generated.
        context_length: The most tokens that one state can hold (the Transformer's positions), or
            None when the state summarises a text of any length (recurrent models).
    """

    SIZES = {}  # name -> constructor arguments (all but vocab_size), for `build_model(size=...)`

    context_length = None
    vocab_padding = 0

    def __init__(self, **kwargs: Any) -> None:
        for name in kwargs:
            if name not in _KERAS_ARGUMENTS:
                raise unknown_name(name, name, self.constructor_parameters())
        try:
            keras.dtype_policies.get(kwargs.get("dtype"))
        except (TypeError, ValueError):
            raise UserError(
                "dtype: expected 'float32', 'mixed_bfloat16' or 'mixed_float16', received "
                f"{kwargs['dtype']!r}."
            ) from None
        super().__init__(**kwargs)

    @property
    def num_rows(self) -> int:
        """Rows of the output: the tokens and the padding; as many columns have the logits."""
        return self.vocab_size + self.vocab_padding

    def set_arguments(self, arguments: Any) -> None:
        """Keeps the arguments in the constructor's `locals()`, checked by their annotations."""
        own = {k: v for k, v in arguments.items() if k in self.constructor_parameters()}
        super().set_arguments(check_arguments(type(self), own))

    def check_reads(self, sources: Texts) -> None:
        """Raises a `UserError` unless the model reads what it is to be given.

        Args:
            sources: Whether each text comes with a source.
        """
        if sources:
            raise UserError(
                "model: expected one that reads a source, such as encoder_decoder, received "
                f"{type(self).__name__}, a language model; generate with it, or score texts "
                "without sources."
            )

    def initial_state(self, batch_size: int, num_slots: Any = None) -> Tensor:
        """Returns the state before the first token.

        Args:
            batch_size: Number of rows; a Python int or a scalar tensor.
            num_slots: The most tokens that the state will have to hold, a Python int or a scalar
                tensor, where fewer than `context_length` are enough and a smaller state is
                cheaper; None means `context_length`. Recurrent states have one size.

        Returns:
            A nested tuple of tensors, each with `batch_size` as its first dimension, so that rows
            can be cut out, repeated and put together.
        """
        raise NotImplementedError

    def features(
        self,
        token_ids: Tensor,
        state: Tensor,
        training: bool = False,
        document_starts: Tensor | None = None,
        lengths: Tensor | None = None,
    ) -> Tensor:
        """Reads the next tokens of each row into vectors, from which `logits` are made.

        Args:
            token_ids: Integers, shape `(batch, length)`.
            state: What `initial_state` or an earlier `features` or `forward` returned.
            training: Whether dropout is on.
            document_starts: True where a token begins a document (it is the end token before it),
                bool `(batch, length)`: from there on nothing is known of what stood before, as if
                the text had begun there. None means nowhere.
            lengths: How many tokens of each row are to be read, int32 `(batch,)`, where rows are
                padded on the right; None means all. The vectors of padding mean nothing. Not
                together with `document_starts`.

        Returns:
            `(features, state)`: vectors of shape `(batch, length, width)`, where position t knows
            `token_ids[:, :t + 1]` and all before, and the state after the last token of each row.
        """
        raise NotImplementedError

    def features_of_texts(
        self, token_ids: Tensor, lengths: Tensor | None = None, training: bool = False
    ) -> Any:
        """Reads whole texts from their start into vectors, and keeps no state.

        Args:
            token_ids: Integers, shape `(batch, length)`.
            lengths: Tokens of each row, int32 `(batch,)`; the rest is padding. None is all.
            training: Whether dropout is on.

        Returns:
            Vectors of shape `(batch, length, width)`; those of padding are arbitrary.
        """
        token_ids = self.prepare(token_ids)
        state = self.initial_state(tf.shape(token_ids)[0])
        return self.features(token_ids, state, training, lengths=lengths)[0]

    def logits(self, features: Tensor) -> Tensor:
        """Returns the next token's float32 logits `(batch, length, num_rows)` from `features`.

        By default they are those of an `output_projection`, tied to a `token_embedding` or not.
        """
        table = self.token_embedding.table if self.tie_embeddings else None
        return self.output_projection(features, table)

    def forward(
        self,
        token_ids: Tensor,
        state: Tensor,
        training: bool = False,
        document_starts: Tensor | None = None,
        lengths: Tensor | None = None,
    ) -> Tensor:
        """Reads the next tokens of each row; the arguments are those of `features`.

        Returns:
            `(logits, state)`: float32 logits of shape `(batch, length, num_rows)`, where position
            t predicts the token after `token_ids[:, t]`, and the state after the last token.
        """
        features, state = self.features(token_ids, state, training, document_starts, lengths)
        return self.logits(features), state

    def call(
        self, token_ids: Tensor, training: bool = False, document_starts: Tensor | None = None
    ) -> Tensor:
        """Returns the logits `(batch, length, num_rows)` of texts read from their start."""
        token_ids = self.prepare(token_ids)
        state = self.initial_state(tf.shape(token_ids)[0])
        logits, _ = self.forward(token_ids, state, training, document_starts)
        return logits

    def prepare(self, token_ids: Tensor) -> Any:
        """Returns the ids as an int32 tensor, after making the weights if there are none yet.

        `forward` does not pass through Keras' `__call__`, which would do both.
        """
        if not self.built:
            self.build((None, None))
        return tf.cast(token_ids, tf.int32)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape, self.num_rows)
