"""One decoding loop for every language model: sampling, beam search, streaming text."""

import importlib

_PUBLIC = {
    "GenerationOptions": "lm_zoo.generation.options",
    "Generated": "lm_zoo.generation.generator",
    "generate": "lm_zoo.generation.generator",
}

__all__ = list(_PUBLIC)


def __getattr__(name):  # so that options can be checked without TensorFlow
    if name not in _PUBLIC:
        raise AttributeError(f"module 'lm_zoo.generation' has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)
