"""Builds models by name; importing this imports all of them."""

from typing import TYPE_CHECKING, Any

from lm_zoo.errors import unknown_name
from lm_zoo.models import MODELS
from lm_zoo.models.arguments import check_arguments

if TYPE_CHECKING:
    from lm_zoo.models.language_model import LanguageModel

for _name in MODELS.data.keys() - MODELS.outside.keys():
    MODELS[_name]  # imported, so that Keras knows the class of a model that it loads


def list_models() -> list[str]:
    """Returns the names that `build_model` takes."""
    return sorted(MODELS)


def registered_model(name):
    """Returns the class that a name stands for.

    Raises:
        UserError: For an unknown name.
    """
    return MODELS.find("model.name", name)


def build_model(
    name: str,
    size: str = "",
    *,
    vocab_size: int,
    dtype: str | None = None,
    seed: int | None = 0,
    **arguments: Any,
) -> "LanguageModel":
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
