"""A recurrent encoder and decoder with attention between them."""

from typing import Any

import keras
import tensorflow as tf

from lm_zoo.errors import unknown_name
from lm_zoo.layers import initializers
from lm_zoo.layers.attention.alignment import Alignment
from lm_zoo.layers.dense import Dense
from lm_zoo.layers.dropout import named_dropout
from lm_zoo.layers.embedding import Embedding
from lm_zoo.layers.initializers import derive_seed
from lm_zoo.layers.output_projection import OutputProjection
from lm_zoo.layers.recurrence.gru import GRU
from lm_zoo.layers.recurrence.lstm import LSTM
from lm_zoo.models.arguments import require_at_least
from lm_zoo.models.sequence_to_sequence import (
    SequenceToSequenceModel,
    check_shared_embeddings,
    lengths_of,
    pad_mask,
)
from lm_zoo.types import Tensor

CELLS = {"gru": GRU, "lstm": LSTM}


@keras.saving.register_keras_serializable(package="lm_zoo")
class RecurrentEncoderDecoder(SequenceToSequenceModel):
    """Reads the source in both directions, and writes while looking back at it.

    The first decoder layer reads the target tokens; its outputs are the queries of attention. The
    further layers read the outputs of the one below beside what attention found (as in GNMT, Wu et
    al. 2016). The last outputs and the attention make up Luong's attentional vector `tanh(W
    [hidden; context])`, from which logits are made. So no layer waits, at a token, for attention at
    the token before, and training reads whole texts layer by layer.

    Its state is `(layer_states, memory)`: one entry for each decoder layer (float32 `(batch,
    hidden_dim)`, for LSTM a pair), and `(lengths, keys, values)`: the sources' lengths, int32
    `(batch,)`, and `(batch, source_length, hidden_dim)` and `(batch, source_length, 2 hidden_dim)`.

    Args:
        vocab_size: Number of target tokens.
        source_vocab_size: Number of source tokens; 0 means `vocab_size`.
        hidden_dim: Width of each layer, and of each direction of the encoder.
        num_layers: Decoder layers.
        num_encoder_layers: Encoder layers; 0 means `num_layers`.
        embedding_dim: Width of the embeddings; 0 means `hidden_dim`.
        cell: `gru` or `lstm`.
        attention: `additive` (Bahdanau et al. 2014) or `multiplicative` (Luong et al. 2015).
        share_embeddings: Whether source and target have one embedding; needs one vocabulary.
        tie_embeddings: Whether the output uses the target embedding's vectors.
        dropout: Share dropped of the embeddings, of layers' outputs and of the attentional vectors
            in training, never of the recurrent connections.
        init_scale: All weights start uniform between minus and plus this; 0 means Glorot uniform,
            orthogonal recurrent kernels, embeddings uniform within 0.1, and zero biases.
        seed: Of the initial weights, and of dropout under plain `fit`; None draws anew each time.
    """

    SIZES = {
        "tiny": dict(hidden_dim=32, num_layers=1),
        "multi30k_small": dict(hidden_dim=256, num_layers=1, cell="gru", dropout=0.3),
        "luong": dict(
            hidden_dim=1000,
            num_layers=4,
            cell="lstm",
            attention="multiplicative",
            dropout=0.2,
            init_scale=0.1,
        ),
    }

    def __init__(
        self,
        vocab_size: int,
        source_vocab_size: int = 0,
        hidden_dim: int = 256,
        num_layers: int = 1,
        num_encoder_layers: int = 0,
        embedding_dim: int = 0,
        cell: str = "gru",
        attention: str = "additive",
        share_embeddings: bool = False,
        tie_embeddings: bool = False,
        dropout: float = 0.0,
        init_scale: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.set_arguments(locals())
        require_at_least(1, vocab_size=vocab_size, hidden_dim=hidden_dim, num_layers=num_layers)
        require_at_least(
            0,
            source_vocab_size=source_vocab_size,
            num_encoder_layers=num_encoder_layers,
            embedding_dim=embedding_dim,
            init_scale=init_scale,
        )
        check_shared_embeddings(self)
        if cell not in CELLS:
            raise unknown_name("cell", cell, CELLS)
        self.embedding_width = embedding_dim or hidden_dim
        self._make_embeddings()
        self._make_layers()
        self.alignment = Alignment(
            attention,
            query_dim=hidden_dim,
            memory_dim=2 * hidden_dim,
            init_scale=init_scale,
            seed=derive_seed(seed, "alignment"),
            name="alignment",
            dtype=self.dtype_policy,
        )
        self.attentional = Dense(
            self.embedding_width if tie_embeddings else hidden_dim,
            activation="tanh",
            use_bias=False,
            kernel_initializer=self._initializer("attentional"),
            name="attentional",
            dtype=self.dtype_policy,
        )
        self.output_projection = OutputProjection(
            vocab_size,
            self.attentional.units,
            tied=tie_embeddings,
            use_bias=True,
            kernel_initializer=self._initializer("output_projection"),
            name="output_projection",
            dtype=self.dtype_policy,
        )

    def _initializer(self, name):
        return initializers.uniform_or_glorot(self.init_scale, self.seed, name)

    def _make_embeddings(self):
        def table(name, rows):
            initializer = initializers.uniform(self.init_scale or 0.1, self.seed, name)
            return Embedding(
                rows, self.embedding_width, initializer, name=name, dtype=self.dtype_policy
            )

        self.token_embedding = table("token_embedding", self.vocab_size)
        self.source_embedding = None
        if not self.share_embeddings:
            rows = self.source_vocab_size or self.vocab_size
            self.source_embedding = table("source_embedding", rows)

    def _make_layers(self):
        def layer(name):
            return CELLS[self.cell](
                self.hidden_dim,
                init_scale=self.init_scale,
                seed=derive_seed(self.seed, name),
                name=name,
                dtype=self.dtype_policy,
            )

        def dropout(name):
            return named_dropout(self.dropout, self.seed, name, self.dtype_policy)

        encoder = range(self.num_encoder_layers or self.num_layers)
        decoder = range(self.num_layers)
        self.forward_layers = tuple(layer(f"encoder_forward_{i}") for i in encoder)
        self.backward_layers = tuple(layer(f"encoder_backward_{i}") for i in encoder)
        self.encoder_dropouts = tuple(dropout(f"encoder_dropout_{i}") for i in encoder)
        self.decoder_layers = tuple(layer(f"layer_{i}") for i in decoder)
        self.layer_dropouts = tuple(dropout(f"layer_dropout_{i}") for i in decoder)
        self.feature_dropout = dropout("feature_dropout")

    def build(self, input_shape: Any = None) -> None:
        self.token_embedding.build()
        if self.source_embedding is not None:
            self.source_embedding.build()
        both = 2 * self.hidden_dim
        for index, layers in enumerate(zip(self.forward_layers, self.backward_layers)):
            for layer in layers:
                layer.build((None, None, both if index else self.embedding_width))
        for index, layer in enumerate(self.decoder_layers):
            layer.build((None, None, self.hidden_dim + both if index else self.embedding_width))
        for dropout in (*self.encoder_dropouts, *self.layer_dropouts, self.feature_dropout):
            dropout.build()
        self.alignment.build()
        self.attentional.build((None, None, self.hidden_dim + both))
        self.output_projection.build()

    def encode(
        self, source_ids: Tensor, lengths: Tensor | None = None, training: bool = False
    ) -> Any:
        x = self.source_features(source_ids, lengths, training)
        lengths = lengths_of(source_ids, lengths)
        return lengths, self.alignment.key(x), x

    def source_features(
        self, source_ids: Tensor, lengths: Tensor | None = None, training: bool = False
    ) -> Any:
        source_ids = self.prepare(source_ids)
        shape, lengths = tf.shape(source_ids), lengths_of(source_ids, lengths)
        x = (self.source_embedding or self.token_embedding)(source_ids)  # (B, S, E)
        for ahead, back, dropout in zip(
            self.forward_layers, self.backward_layers, self.encoder_dropouts, strict=True
        ):
            x = dropout(x, training=training)
            read, _ = ahead(x, ahead.initial_state(shape[0]), lengths=lengths)
            reversed_x = tf.reverse_sequence(x, lengths, seq_axis=1)
            read_back, _ = back(reversed_x, back.initial_state(shape[0]), lengths=lengths)
            read_back = tf.reverse_sequence(read_back, lengths, seq_axis=1)
            x = tf.concat([read, read_back], -1)  # (B, S, 2 H)
        return x

    def empty_memory(self, batch_size: int) -> Any:
        lengths = tf.zeros((batch_size,), tf.int32)
        values = tf.zeros((batch_size, 1, 2 * self.hidden_dim), self.compute_dtype)
        return lengths, values[..., : self.hidden_dim], values

    def initial_state(
        self, batch_size: int, num_slots: Any = None, memory: Tensor | None = None
    ) -> Tensor:
        states = tuple(layer.initial_state(batch_size) for layer in self.decoder_layers)
        return states, self.empty_memory(batch_size) if memory is None else memory

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
        return self._read(token_ids, state)

    def attention_weights(
        self, token_ids: Tensor, source_ids: Tensor, source_lengths: Tensor | None = None
    ) -> Any:
        memory = self.encode(source_ids, source_lengths)
        token_ids = self.prepare(token_ids)
        state = self.initial_state(tf.shape(token_ids)[0], memory=memory)
        return (self._read(token_ids, state)[2][:, None],)

    def _read(self, token_ids, state, training=False, document_starts=None, lengths=None):
        """Returns `(features, state, weights)`, the weights of shape `(batch, length,
        source_length)`."""
        states, memory = state
        source_lengths, keys, values = memory
        mask = pad_mask(source_lengths, tf.shape(values)[1])
        x = self.token_embedding(self.prepare(token_ids))  # (B, T, E)
        contexts = weights = None
        new_states = []
        for layer, dropout, layer_state in zip(
            self.decoder_layers, self.layer_dropouts, states, strict=True
        ):
            x = dropout(x, training=training)
            if contexts is not None:
                x = tf.concat([x, contexts], -1)  # (B, T, 3 H)
            x, layer_state = layer(x, layer_state, document_starts, lengths)  # (B, T, H)
            if contexts is None:
                contexts, weights = self.alignment(x, keys, values, mask)  # (B, T, 2 H)
            new_states.append(layer_state)
        x = self.attentional(tf.concat([x, contexts], -1))
        return self.feature_dropout(x, training=training), (tuple(new_states), memory), weights

    def layer_flops_per_token(self, layer: Any, sequence_length: Any) -> int:
        if layer is self.alignment:
            return layer.flops_per_token(sequence_length)
        if layer is self.attentional:
            return 2 * 3 * self.hidden_dim * layer.units
        return super().layer_flops_per_token(layer, sequence_length)
