"""The LSTM language model (Zaremba, Sutskever and Vinyals 2014)."""

from typing import Any

import keras

from lm_zoo.layers.recurrence.lstm import LSTM
from lm_zoo.models.recurrent_lm import RecurrentLM


@keras.saving.register_keras_serializable(package="lm_zoo")
class LSTMLM(RecurrentLM):
    """A stack of LSTM layers with dropout on the non-recurrent connections.

    Its state is a tuple of `(hidden, cell)`, one pair for each layer, all float32 `(batch,
    hidden_dim)`.

    Its other arguments are those that all of `RecurrentLM` have.

    Args:
        forget_bias: Added to the forget gates' bias at the start; Zaremba's is 0.
    """

    # Zaremba 2014. Its dropout goes with the sizes, its learning rates with the configs.
    SIZES = {
        "tiny": dict(hidden_dim=64, num_layers=1),
        "zaremba_small": dict(hidden_dim=200, num_layers=2, init_scale=0.1, forget_bias=0.0),
        "zaremba_medium": dict(
            hidden_dim=650, num_layers=2, dropout=0.5, init_scale=0.05, forget_bias=0.0
        ),
        "zaremba_large": dict(
            hidden_dim=1500, num_layers=2, dropout=0.65, init_scale=0.04, forget_bias=0.0
        ),
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
        forget_bias: float = 1.0,
        vocab_padding: int = 0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.assemble(locals())

    def make_layer(self, **arguments: Any) -> Any:
        return LSTM(self.hidden_dim, forget_bias=self.forget_bias, **arguments)
