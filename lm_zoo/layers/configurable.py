"""`get_config` for layers and models whose constructor arguments are all attributes."""

import inspect
from typing import Any

import keras


class Configurable:
    """Mixin before a Keras class: `get_config` gives every argument of the class's own constructor.

    It asks one thing of the class: that each constructor argument is kept under its own name.
    """

    def set_arguments(self, arguments: Any) -> None:
        """Keeps the constructor's arguments as attributes of their names.

        Args:
            arguments: The constructor's `locals()`; what is no argument in them is passed over.
        """
        for name in self.constructor_parameters():
            if name in arguments:
                setattr(self, name, arguments[name])

    @classmethod
    def constructor_parameters(cls) -> Any:
        """Returns `{name: inspect.Parameter}` of the arguments that the class itself defines."""
        parameters = inspect.signature(cls.__init__).parameters
        named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        return {k: p for k, p in parameters.items() if k != "self" and p.kind in named}

    def get_config(self) -> dict:
        own = {name: _plain(getattr(self, name)) for name in self.constructor_parameters()}
        return {**super().get_config(), **own}


class ConfigurableLayer(Configurable, keras.layers.Layer):
    """A layer with an output for each token of its input: a Keras mask is that of both."""

    supports_masking = True


def _plain(value):
    is_initializer = isinstance(value, keras.initializers.Initializer)
    return keras.initializers.serialize(value) if is_initializer else value
