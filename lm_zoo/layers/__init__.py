"""The layers that the models are made of, and the losses of their tokens."""

import importlib

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


def __getattr__(name):
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_PUBLIC[name]}"), name)


def __dir__():
    return sorted(__all__)
