"""The tables that a new model has to be entered in: constructor arguments of a tiny one."""

import numpy as np
import tensorflow as tf

from lm_zoo.models.sequence_to_sequence import SequenceToSequenceModel

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

# Models that read one text and write another.
TINY_PAIR_MODELS = {
    "encoder_decoder": {
        "hidden_dim": 32,
        "num_layers": 2,
        "num_heads": 4,
        "context_length": 32,
        "source_length": 24,
    },
    "recurrent_encoder_decoder": {"hidden_dim": 16, "num_layers": 2, "embedding_dim": 12},
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

PAIR_VARIANTS = {name: (name, arguments) for name, arguments in TINY_PAIR_MODELS.items()}

SOURCES = np.array([[3, 1, 4, 1, 5], [2, 7, 1, 8, 0], [1, 6, 0, 0, 0], [9, 9, 9, 2, 1]], np.int32)
SOURCE_LENGTHS = np.array([5, 4, 2, 5], np.int32)


def first_state(model, rows):
    """The state that `rows` texts (at most 4) begin with; after sources, if the model reads any."""
    if not isinstance(model, SequenceToSequenceModel):
        return model.initial_state(rows)
    lengths = tf.constant(SOURCE_LENGTHS[:rows])
    return model.initial_state(rows, memory=model.encode(SOURCES[:rows], lengths))
