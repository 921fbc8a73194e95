"""Decoding for every model: sampling, beam search, streaming text, translation."""

import importlib

_PUBLIC = {
    "GenerationOptions": "lm_zoo.generation.options",
    "Generated": "lm_zoo.generation.generator",
    "generate": "lm_zoo.generation.generator",
    "TranslationOptions": "lm_zoo.generation.translation_options",
    "Translation": "lm_zoo.generation.translation",
    "translate": "lm_zoo.generation.translation",
    "translate_stream": "lm_zoo.generation.translation",
}

__all__ = list(_PUBLIC)


def __getattr__(name):  # so that options can be checked without TensorFlow
    if name not in _PUBLIC:
        raise AttributeError(f"module 'lm_zoo.generation' has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)
