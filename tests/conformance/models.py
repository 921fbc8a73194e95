"""The one table that a new model has to be entered in: constructor arguments of a tiny one."""

TINY = {
    "rnn_lm": {"hidden_dim": 24, "num_layers": 2, "embedding_dim": 12},
    "gru_lm": {"hidden_dim": 24, "num_layers": 2, "embedding_dim": 12},
    "lstm_lm": {"hidden_dim": 24, "num_layers": 2, "tie_embeddings": True},
    "transformer_decoder": {
        "hidden_dim": 32,
        "num_layers": 2,
        "num_heads": 4,
        "context_length": 32,
    },
}

# Other architectures of the same class that must keep the same promises.
VARIANTS = {name: (name, arguments) for name, arguments in TINY.items()} | {
    "transformer_decoder_modern": (
        "transformer_decoder",
        TINY["transformer_decoder"]
        | {
            "position": "rope",
            "normalization": "rms_norm",
            "feed_forward": "swiglu",
            "num_kv_heads": 2,
            "use_bias": False,
        },
    ),
}
