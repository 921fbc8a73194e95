"""What the three recurrent language models share: everything but the layer."""

from typing import Any

from lm_zoo.layers import initializers
from lm_zoo.layers.dense import Dense
from lm_zoo.layers.dropout import named_dropout
from lm_zoo.layers.embedding import Embedding
from lm_zoo.layers.initializers import derive_seed
from lm_zoo.layers.output_projection import OutputProjection
from lm_zoo.models.arguments import require_at_least
from lm_zoo.models.language_model import LanguageModel
from lm_zoo.types import Tensor


class RecurrentLM(LanguageModel):
    """Embedding, a stack of recurrent layers with dropout between them, and a softmax layer.

    Subclasses keep their further arguments, call `assemble` at the end of their constructor, and
    say in `make_layer` what one layer is. The state is a tuple with one entry for each layer.

    Dropout is on the embeddings, between layers and before the output, never on the recurrent
    connections (Zaremba et al. 2014).

    Attributes:
        vocab_size: Number of tokens.
        hidden_dim: Width of each layer.
        num_layers: Number of layers.
        embedding_dim: Width of the embedding; 0 or None means `hidden_dim`.
        dropout: Share of the embeddings and of each layer's outputs that is dropped in training.
        tie_embeddings: Whether the output uses the embedding's vectors (Press and Wolf 2017). With
            another width than `hidden_dim`, a linear projection without bias stands before it.
        init_scale: All weights, biases included, start uniform between minus and plus this; 0 means
            Glorot uniform, orthogonal recurrent kernels, embeddings uniform within 0.1, and zero
            biases.
        vocab_padding: Rows of the embedding and of the output that stand for no token, after those
            of the tokens; they are part of the softmax, and none is ever generated.
        seed: Of the initial weights, and of dropout under plain `fit`; None draws anew each time.
    """

    def assemble(self, arguments: Any) -> Any:
        """Keeps the constructor's arguments, given as its `locals()`, and makes the layers."""
        self.set_arguments(arguments)
        require_at_least(
            1, vocab_size=self.vocab_size, hidden_dim=self.hidden_dim, num_layers=self.num_layers
        )
        require_at_least(0, vocab_padding=self.vocab_padding)
        require_at_least(0, embedding_dim=self.embedding_dim or 0, init_scale=self.init_scale)
        init_scale, seed, dtype = self.init_scale, self.seed, self.dtype_policy
        embedding_width = self.embedding_dim or self.hidden_dim

        def new_dropout(name):
            return named_dropout(self.dropout, seed, name, dtype)

        # 0.1 is PyTorch's word_language_model's, and small enough for a tied output.
        embedding_scale = init_scale or 0.1
        self.token_embedding = Embedding(
            self.num_rows,
            embedding_width,
            initializers.uniform(embedding_scale, seed, "token_embedding"),
            name="token_embedding",
            dtype=dtype,
        )
        self.embedding_dropout = new_dropout("embedding_dropout")
        self.recurrent_layers = tuple(
            self.make_layer(
                init_scale=init_scale,
                seed=derive_seed(seed, f"layer_{index}"),
                name=f"layer_{index}",
                dtype=dtype,
            )
            for index in range(self.num_layers)
        )
        self.layer_dropouts = tuple(
            new_dropout(f"layer_dropout_{index}") for index in range(self.num_layers)
        )
        # A tied output needs vectors as wide as the embedding's.
        self.projection = None
        if self.tie_embeddings and embedding_width != self.hidden_dim:
            self.projection = Dense(
                embedding_width,
                use_bias=False,
                kernel_initializer=initializers.uniform_or_glorot(init_scale, seed, "projection"),
                name="projection",
                dtype=dtype,
            )
        self.output_projection = OutputProjection(
            self.num_rows,
            embedding_width if self.tie_embeddings else self.hidden_dim,
            tied=self.tie_embeddings,
            use_bias=True,
            kernel_initializer=initializers.uniform_or_glorot(
                init_scale, seed, "output_projection"
            ),
            bias_initializer=(
                initializers.uniform(init_scale, seed, "output_bias") if init_scale else "zeros"
            ),
            name="output_projection",
            dtype=dtype,
        )

    def make_layer(self, **arguments: Any) -> Any:
        raise NotImplementedError

    def build(self, input_shape: Any = None) -> None:
        width = self.embedding_dim or self.hidden_dim
        self.token_embedding.build()
        for dropout in (self.embedding_dropout, *self.layer_dropouts):
            dropout.build()
        for index, layer in enumerate(self.recurrent_layers):
            layer.build((None, None, self.hidden_dim if index else width))
        if self.projection is not None:
            self.projection.build((None, None, self.hidden_dim))
        self.output_projection.build()

    def initial_state(self, batch_size: int, num_slots: Any = None) -> Tensor:
        return tuple(layer.initial_state(batch_size) for layer in self.recurrent_layers)

    def features(
        self,
        token_ids: Tensor,
        state: Tensor,
        training: bool = False,
        document_starts: Tensor | None = None,
        lengths: Tensor | None = None,
    ) -> Tensor:
        x = self.token_embedding(self.prepare(token_ids))  # (B, T, E)
        x = self.embedding_dropout(x, training=training)
        new_state = []
        for layer, dropout, layer_state in zip(
            self.recurrent_layers, self.layer_dropouts, state, strict=True
        ):
            x, layer_state = layer(x, layer_state, document_starts, lengths)  # (B, T, H)
            x = dropout(x, training=training)
            new_state.append(layer_state)
        if self.projection is not None:
            x = self.projection(x)  # (B, T, E)
        return x, tuple(new_state)

    def layer_flops_per_token(self, layer: Any, sequence_length: Any) -> int:
        if layer is self.projection:
            return 2 * self.hidden_dim * self.projection.units
        return super().layer_flops_per_token(layer, sequence_length)
