"""The GRU language model."""

from typing import Any

import keras

from lm_zoo.layers.recurrence.gru import GRU
from lm_zoo.models.recurrent_lm import RecurrentLM


@keras.saving.register_keras_serializable(package="lm_zoo")
class GRULM(RecurrentLM):
    """A stack of GRU layers (Cho et al. 2014) with dropout on the non-recurrent connections.

    Its state is a tuple with one hidden vector for each layer, all float32 `(batch, hidden_dim)`.

    Its arguments are those that all of `RecurrentLM` have.
    """

    SIZES = {
        "tiny": dict(hidden_dim=64, num_layers=1),
        "small": dict(hidden_dim=200, num_layers=2),
        "medium": dict(hidden_dim=650, num_layers=2, dropout=0.5),
        "large": dict(hidden_dim=1500, num_layers=2, dropout=0.65),
    }

    def __init__(
        self,
        vocab_size: int,
        hidden_dim: int = 200,
        num_layers: int = 2,
        embedding_dim: int | None = 0,
        dropout: float = 0.0,
        tie_embeddings: bool = False,
        init_scale: float = 0.0,
        vocab_padding: int = 0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.assemble(locals())

    def make_layer(self, **arguments: Any) -> Any:
        return GRU(self.hidden_dim, **arguments)
