"""A model of a user's."""

import keras

import lm_zoo


@keras.saving.register_keras_serializable(package="tiny_gru")
class TinyGRU(lm_zoo.GRULM):
    """A GRU that is small."""

    SIZES = {"toy": dict(hidden_dim=8, num_layers=1)}
