"""The base class of every language model: one way to run it, with or without carried state."""

import math
import typing

import keras
import tensorflow as tf

from lm_zoo.errors import UserError, unknown_name
from lm_zoo.layers.configurable import Configurable
from lm_zoo.models.arguments import check_arguments

_KERAS_ARGUMENTS = ("name", "dtype", "trainable", "autocast", "activity_regularizer")


class Part(typing.NamedTuple):
    """A row of a model's summary: one layer, or several of the same kind.

    Attributes:
        name: The layer's name; `block_0..11` for twelve of a kind.
        num_parameters: Weights that training changes.
        flops_per_token: Floating-point operations of one forward pass, per token.
    """

    name: str
    num_parameters: int
    flops_per_token: int


class LanguageModel(Configurable, keras.Model):
    """A model that gives the next token's logits at every position, and can carry state.

    Attributes:
        vocab_size: Number of different token ids; ids run from 0 to `vocab_size - 1`.
        vocab_padding: How many rows of the embedding and of the output stand after those for no
            token. They are columns of the logits and part of the softmax, which is the model's own;
            no row of them is ever generated.
        context_length: The most tokens that one state can hold (the Transformer's positions), or
            None when the state summarises a text of any length (recurrent models).
        reads_source: Whether it writes a text after reading another (`SequenceToSequenceModel`).
    """

    SIZES = {}  # name -> constructor arguments (all but vocab_size), for `build_model(size=...)`

    context_length = None
    vocab_padding = 0
    reads_source = False

    def __init__(self, **kwargs):
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
    def num_rows(self):
        """Rows of the output: the tokens and the padding; as many columns have the logits."""
        return self.vocab_size + self.vocab_padding

    def keep(self, **arguments):
        """Checks constructor arguments by their annotations and keeps them as attributes."""
        for name, value in check_arguments(type(self), arguments).items():
            setattr(self, name, value)

    def initial_state(self, batch_size, num_slots=None):
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

    def features(self, token_ids, state, training=False, document_starts=None, lengths=None):
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

    def logits(self, features):
        """Returns the next token's float32 logits `(batch, length, num_rows)` from `features`."""
        raise NotImplementedError

    def forward(self, token_ids, state, training=False, document_starts=None, lengths=None):
        """Reads the next tokens of each row; the arguments are those of `features`.

        Returns:
            `(logits, state)`: float32 logits of shape `(batch, length, num_rows)`, where position
            t predicts the token after `token_ids[:, t]`, and the state after the last token.
        """
        features, state = self.features(token_ids, state, training, document_starts, lengths)
        return self.logits(features), state

    def call(self, token_ids, training=False, document_starts=None):
        """Returns the logits `(batch, length, num_rows)` of texts read from their start."""
        token_ids = self.prepare(token_ids)
        state = self.initial_state(tf.shape(token_ids)[0])
        logits, _ = self.forward(token_ids, state, training, document_starts)
        return logits

    def prepare(self, token_ids):
        """Returns the ids as an int32 tensor, after making the weights if there are none yet.

        `forward` does not pass through Keras' `__call__`, which would do both.
        """
        if not self.built:
            self.build((None, None))
        return tf.cast(token_ids, tf.int32)

    def compute_output_shape(self, input_shape):
        return (*input_shape, self.num_rows)

    def flops_per_token(self, sequence_length):
        """Floating-point operations of one forward pass, per token; training takes three times it.

        A multiply-add counts as two. Matrix products alone are counted, as usual.
        """
        return sum(part.flops_per_token for part in self.describe(sequence_length))

    @property
    def num_parameters(self):
        """Number of weights that training changes."""
        return sum(_num_parameters(layer) for layer in self.layers)

    def layer_flops_per_token(self, layer, sequence_length):
        """Floating-point operations of one of the model's layers, per token of a forward pass."""
        return layer.flops_per_token() if hasattr(layer, "flops_per_token") else 0

    def describe(self, sequence_length):
        """Returns a `Part` for each layer with weights or products; neighbours of a kind share one.

        Args:
            sequence_length: Tokens per row, which attention's cost depends on.
        """
        if not self.built:
            self.build((None, None))
        groups = []  # (stem of the name, layers)
        for layer in self.layers:
            if not layer.weights and not self.layer_flops_per_token(layer, sequence_length):
                continue  # dropout
            stem = layer.name.rstrip("0123456789")
            if groups and stem == groups[-1][0] != layer.name:
                groups[-1][1].append(layer)
            else:
                groups.append((stem, [layer]))
        return tuple(
            Part(
                layers[0].name + (f"..{len(layers) - 1}" if len(layers) > 1 else ""),
                sum(_num_parameters(layer) for layer in layers),
                sum(self.layer_flops_per_token(layer, sequence_length) for layer in layers),
            )
            for _, layers in groups
        )

    def summary_table(self, sequence_length):
        """Returns the parts and their total as lines of text, to print before training."""
        parts = self.describe(sequence_length)
        total = Part(
            "total", sum(p.num_parameters for p in parts), sum(p.flops_per_token for p in parts)
        )
        rows = [("part", "parameters", "FLOP/token")]
        rows += [
            (p.name, f"{p.num_parameters:,}", f"{p.flops_per_token:,}") for p in (*parts, total)
        ]
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        return "\n".join(
            f"{name:<{widths[0]}}  {parameters:>{widths[1]}}  {flops:>{widths[2]}}"
            for name, parameters, flops in rows
        )


def _num_parameters(layer):
    return sum(math.prod(weight.shape) for weight in layer.trainable_weights)
