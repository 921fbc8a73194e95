"""lm_zoo: train, evaluate, generate with and score by language models in TensorFlow/Keras.

Nothing heavy is imported until it is used: `import lm_zoo` alone does not load TensorFlow.
"""

import importlib
import os
import sys

if "keras" not in sys.modules:
    os.environ["KERAS_BACKEND"] = "tensorflow"  # the only one that the zoo's models run on

__version__ = "0.1.0"

_PUBLIC = {
    "build_model": "lm_zoo.registry",
    "list_models": "lm_zoo.registry",
    "load": "lm_zoo.run",
    "import_run": "lm_zoo.weights.importing",
    "train": "lm_zoo.run",
    "prepare": "lm_zoo.corpus_tools",
    "inspect": "lm_zoo.corpus_tools",
    "compare": "lm_zoo.run_comparison",
    "plot_curves": "lm_zoo.run_curves",
    "train_tokenizer": "lm_zoo.tokenizer_tools",
    "load_tokenizer": "lm_zoo.tokenizer_tools",
    "compare_tokenizers": "lm_zoo.tokenizer_tools",
    "register": "lm_zoo.registration",
    "ExperimentConfig": "lm_zoo.config",
    "UserError": "lm_zoo.errors",
    "GenerationOptions": "lm_zoo.generation",
    "TranslationOptions": "lm_zoo.generation",
    "LanguageModel": "lm_zoo.models.language_model",
    "RNNLM": "lm_zoo.models.rnn_lm",
    "GRULM": "lm_zoo.models.gru_lm",
    "LSTMLM": "lm_zoo.models.lstm_lm",
    "TransformerDecoder": "lm_zoo.models.transformer_decoder",
    "EncoderDecoder": "lm_zoo.models.encoder_decoder",
    "RecurrentEncoderDecoder": "lm_zoo.models.recurrent_encoder_decoder",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name):
    if name not in _PUBLIC:
        raise AttributeError(f"module 'lm_zoo' has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__():
    return sorted(__all__)
