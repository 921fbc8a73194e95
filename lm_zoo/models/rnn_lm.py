"""The simple recurrent language model (RNNLM, Mikolov et al. 2010)."""

from typing import Any

import keras

from lm_zoo.layers.recurrence.elman import Elman
from lm_zoo.models.recurrent_lm import RecurrentLM


@keras.saving.register_keras_serializable(package="lm_zoo")
class RNNLM(RecurrentLM):
    """A stack of Elman layers with dropout on the non-recurrent connections.

    Its state is a tuple with one hidden vector for each layer, all float32 `(batch, hidden_dim)`.

    Its other arguments are those that all of `RecurrentLM` have.

    Args:
        activation: `tanh` or `relu`. With `relu`, clip gradients: the state is not bounded.
    """

    SIZES = {
        "tiny": dict(hidden_dim=64, num_layers=1),
        "mikolov_100": dict(hidden_dim=100, num_layers=1),
        "mikolov_300": dict(hidden_dim=300, num_layers=1),
        "small": dict(hidden_dim=200, num_layers=2),
        "medium": dict(hidden_dim=650, num_layers=2, dropout=0.5),
    }

    def __init__(
        self,
        vocab_size: int,
        hidden_dim: int = 200,
        num_layers: int = 1,
        embedding_dim: int | None = 0,
        dropout: float = 0.0,
        tie_embeddings: bool = False,
        init_scale: float = 0.0,
        activation: str = "tanh",
        vocab_padding: int = 0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.assemble(locals())

    def make_layer(self, **arguments: Any) -> Any:
        return Elman(self.hidden_dim, activation=self.activation, **arguments)
