"""lm_zoo: train, evaluate, generate with and score by language models in TensorFlow/Keras.

Nothing heavy is imported until it is used: `import lm_zoo` alone does not load TensorFlow.
"""

import importlib
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what `__getattr__` finds
    from lm_zoo.config import ExperimentConfig as ExperimentConfig
    from lm_zoo.corpus_tools import inspect as inspect
    from lm_zoo.corpus_tools import prepare as prepare
    from lm_zoo.errors import UserError as UserError
    from lm_zoo.generation import GenerationOptions as GenerationOptions
    from lm_zoo.generation import TranslationOptions as TranslationOptions
    from lm_zoo.models.encoder_decoder import EncoderDecoder as EncoderDecoder
    from lm_zoo.models.gru_lm import GRULM as GRULM
    from lm_zoo.models.language_model import LanguageModel as LanguageModel
    from lm_zoo.models.lstm_lm import LSTMLM as LSTMLM
    from lm_zoo.models.recurrent_encoder_decoder import (
        RecurrentEncoderDecoder as RecurrentEncoderDecoder,
    )
    from lm_zoo.models.rnn_lm import RNNLM as RNNLM
    from lm_zoo.models.transformer_decoder import (
        TransformerDecoder as TransformerDecoder,
    )
    from lm_zoo.registration import register as register
    from lm_zoo.registry import build_model as build_model
    from lm_zoo.registry import list_models as list_models
    from lm_zoo.run import load as load
    from lm_zoo.run import train as train
    from lm_zoo.run_comparison import compare as compare
    from lm_zoo.run_curves import plot_curves as plot_curves
    from lm_zoo.tokenizer_tools import compare_tokenizers as compare_tokenizers
    from lm_zoo.tokenizer_tools import load_tokenizer as load_tokenizer
    from lm_zoo.tokenizer_tools import train_tokenizer as train_tokenizer
    from lm_zoo.weights.importing import import_run as import_run

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


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'lm_zoo' has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
