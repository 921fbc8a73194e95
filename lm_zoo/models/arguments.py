"""Checks of constructor arguments against the constructor's own annotations."""

import math
import numbers
import types
import typing

from lm_zoo.checked_fields import require, type_words
from lm_zoo.errors import UserError, unknown_name


def check_arguments(cls, arguments, prefix=""):
    """Checks names and types of arguments for a class's constructor.

    Args:
        cls: A `Configurable` class.
        arguments: `{name: value}`.
        prefix: Stands before an argument's name in messages.

    Returns:
        The arguments, with whole numbers given for floats turned into floats.

    Raises:
        UserError: Naming the argument, what was expected and what was received.
    """
    parameters = cls.constructor_parameters()
    checked = {}
    for name, value in arguments.items():
        if name not in parameters:
            raise unknown_name(f"{prefix}{name}", name, parameters)
        checked[name] = _check_type(f"{prefix}{name}", value, parameters[name].annotation)
    return checked


def require_at_least(minimum, **arguments):
    for name, value in arguments.items():
        require(value >= minimum, name, f"at least {minimum}", value)


def _check_type(field, value, annotation):
    union = isinstance(annotation, types.UnionType)
    kinds = typing.get_args(annotation) if union else (annotation,)
    for kind in kinds:
        if kind is type(None) and value is None:
            return None
        # A bool is an int to Python, but not to someone who means a number.
        number = isinstance(value, numbers.Real) and not isinstance(value, bool)
        if kind is int and number and isinstance(value, numbers.Integral):
            return int(value)
        if kind is float and number and math.isfinite(value):
            return float(value)
        if kind in (bool, str, dict) and isinstance(value, kind):
            return value
    expected = " or ".join(type_words(kind) for kind in kinds if kind is not type(None))
    raise UserError(f"{field}: expected {expected}, received {value!r}.")
