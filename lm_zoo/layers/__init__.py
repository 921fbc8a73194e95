"""The layers that the models are made of, and the losses of their tokens."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what `__getattr__` finds
    from lm_zoo.layers.attention.alignment import Alignment as Alignment
    from lm_zoo.layers.attention.cross_attention import CrossAttention as CrossAttention
    from lm_zoo.layers.attention.key_value_cache import causal_mask as causal_mask
    from lm_zoo.layers.attention.self_attention import (
        CausalSelfAttention as CausalSelfAttention,
    )
    from lm_zoo.layers.dense import Dense as Dense
    from lm_zoo.layers.dropout import Dropout as Dropout
    from lm_zoo.layers.embedding import Embedding as Embedding
    from lm_zoo.layers.feed_forward import FeedForward as FeedForward
    from lm_zoo.layers.normalization import RMSNormalization as RMSNormalization
    from lm_zoo.layers.output_projection import OutputProjection as OutputProjection
    from lm_zoo.layers.recurrence.elman import Elman as Elman
    from lm_zoo.layers.recurrence.gru import GRU as GRU
    from lm_zoo.layers.recurrence.lstm import LSTM as LSTM
    from lm_zoo.layers.token_losses import row_losses as row_losses
    from lm_zoo.layers.token_losses import token_nll as token_nll
    from lm_zoo.layers.transformer_block import TransformerBlock as TransformerBlock

_PUBLIC = {
    "Alignment": "attention.alignment",
    "CausalSelfAttention": "attention.self_attention",
    "CrossAttention": "attention.cross_attention",
    "Dense": "dense",
    "Dropout": "dropout",
    "Elman": "recurrence.elman",
    "Embedding": "embedding",
    "FeedForward": "feed_forward",
    "GRU": "recurrence.gru",
    "LSTM": "recurrence.lstm",
    "OutputProjection": "output_projection",
    "RMSNormalization": "normalization",
    "TransformerBlock": "transformer_block",
    "causal_mask": "attention.key_value_cache",
    "row_losses": "token_losses",
    "token_nll": "token_losses",
}

__all__ = list(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
