"""The table that a new model has to be entered in: one row, and every sweep takes it up."""

import functools

import numpy as np
import tensorflow as tf

from lm_zoo.models.sequence_to_sequence import SequenceToSequenceModel
from lm_zoo.registry import MODELS, build_model

# Name -> constructor arguments of a tiny model.
ROWS = {
    "encoder_decoder": {
        "hidden_dim": 32,
        "num_layers": 2,
        "num_heads": 4,
        "context_length": 32,
        "source_length": 24,
    },
    "gru_lm": {"hidden_dim": 24, "num_layers": 2, "embedding_dim": 12},
    "lstm_lm": {"hidden_dim": 24, "num_layers": 2, "tie_embeddings": True},
    "recurrent_encoder_decoder": {"hidden_dim": 16, "num_layers": 2, "embedding_dim": 12},
    "rnn_lm": {"hidden_dim": 24, "num_layers": 2, "embedding_dim": 12},
    "transformer_decoder": {
        "hidden_dim": 32,
        "num_layers": 2,
        "num_heads": 4,
        "context_length": 32,
    },
}

# Other architectures of the same classes that must keep the same promises.
OTHERS = {
    "transformer_decoder_modern": (
        "transformer_decoder",
        {
            "position": "rope",
            "normalization": "rms_norm",
            "feed_forward": "swiglu",
            "num_kv_heads": 2,
            "use_bias": False,
        },
    ),
}

# Variant -> `(model, arguments)`; of those in PAIR_VARIANTS, the model reads a source.
ALL_VARIANTS = {name: (name, arguments) for name, arguments in ROWS.items()} | {
    variant: (name, ROWS[name] | arguments) for variant, (name, arguments) in OTHERS.items()
}
PAIR_VARIANTS = {
    variant: row
    for variant, row in ALL_VARIANTS.items()
    if issubclass(MODELS[row[0]], SequenceToSequenceModel)
}
VARIANTS = {variant: row for variant, row in ALL_VARIANTS.items() if variant not in PAIR_VARIANTS}
TINY = {name: ROWS[name] for name in ROWS if name in VARIANTS}
TINY_PAIR_MODELS = {name: ROWS[name] for name in ROWS if name in PAIR_VARIANTS}

SOURCES = np.array([[3, 1, 4, 1, 5], [2, 7, 1, 8, 0], [1, 6, 0, 0, 0], [9, 9, 9, 2, 1]], np.int32)
SOURCE_LENGTHS = np.array([5, 4, 2, 5], np.int32)


def first_state(model, rows):
    """The state that `rows` texts (at most 4) begin with; after sources, if the model reads any."""
    if not isinstance(model, SequenceToSequenceModel):
        return model.initial_state(rows)
    lengths = tf.constant(SOURCE_LENGTHS[:rows])
    return model.initial_state(rows, memory=model.encode(SOURCES[:rows], lengths))


@functools.cache
def carries_state(variant):
    """Whether a variant can be trained on rows that go on from batch to batch."""
    name, arguments = ALL_VARIANTS[variant]
    return build_model(name, vocab_size=2, **arguments).context_length is None
