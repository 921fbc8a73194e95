"""The models by name, imported when they are looked up. A new model is one file and one line here."""

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
