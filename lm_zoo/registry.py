"""The models by name. A new model is one file in `models/` and one line here."""

from lm_zoo.errors import unknown_name
from lm_zoo.models.arguments import check_arguments
from lm_zoo.registration import Registry


def _is_model(what):
    from lm_zoo.models.language_model import LanguageModel  # it needs TensorFlow

    return isinstance(what, type) and issubclass(what, LanguageModel)


MODELS = Registry(
    "model",
    {
        "encoder_decoder": "lm_zoo.models.encoder_decoder:EncoderDecoder",
        "gru_lm": "lm_zoo.models.gru_lm:GRULM",
        "lstm_lm": "lm_zoo.models.lstm_lm:LSTMLM",
        "recurrent_encoder_decoder": (
            "lm_zoo.models.recurrent_encoder_decoder:RecurrentEncoderDecoder"
        ),
        "rnn_lm": "lm_zoo.models.rnn_lm:RNNLM",
        "transformer_decoder": "lm_zoo.models.transformer_decoder:TransformerDecoder",
    },
    _is_model,
    "a subclass of lm_zoo.LanguageModel",
)


def list_models():
    """Returns the names that `build_model` takes."""
    return sorted(MODELS)


def registered_model(name):
    """Returns the class that a name stands for.

    Raises:
        UserError: For an unknown name.
    """
    return MODELS.find("model.name", name)


def build_model(name, size="", *, vocab_size, dtype=None, seed=0, **arguments):
    """Builds a language model with its weights.

    Args:
        name: One of `list_models()`.
        size: A named size of the model (`MODELS[name].SIZES`), or "" for the class's defaults.
        vocab_size: Number of tokens.
        dtype: A Keras dtype policy: `float32`, `mixed_bfloat16`, `mixed_float16`; None is Keras'
            global one.
        seed: Of the initial weights: the same seed and arguments give the same weights in every
            process. None draws them anew each time.
        **arguments: Of the model's constructor; they override those of `size`.

    Returns:
        The model, with all its variables.

    Raises:
        UserError: For an unknown model, size or argument, or a value of the wrong type.
    """
    cls = registered_model(name)
    if size:
        if not isinstance(size, str) or size not in cls.SIZES:
            raise unknown_name("model.size", size, cls.SIZES)
        arguments = {**cls.SIZES[size], **arguments}
    arguments = {**arguments, "vocab_size": vocab_size, "seed": seed}
    arguments = check_arguments(cls, arguments, prefix="model.")
    model = cls(name=name, dtype=dtype, **arguments)
    model.build((None, None))
    return model
