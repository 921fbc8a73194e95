"""Fields of a config: bounds beside defaults, and one check of names, types and bounds for all.

    @dataclasses.dataclass
    class DataConfig:
        batch_size: int = field(20, at_least=1)

Sections of the config, a task's arguments and a corpus' are dataclasses of such fields. This module
imports the standard library alone.
"""

import dataclasses
import math
import operator
import typing

from lm_zoo.errors import UserError, nearest, unknown_name

_BOUNDS = {
    "at_least": operator.ge,
    "above": operator.gt,
    "at_most": operator.le,
    "below": operator.lt,
}
KINDS = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a string",
    tuple: 'strings, as a,b or (if they hold commas) as ("a", "b")',
}


class NamedConfig:
    """A section of the config with a name and the arguments of what it names.

    The arguments belong to what is named, which checks them: something new needs no line in the
    config. Once the config is resolved, all arguments of a task or a corpus are attributes.

    Args:
        name: What is named.
        **arguments: Its arguments.
    """

    OWN = ("name",)  # what is not an argument

    def __init__(self, name, **arguments):
        self.name = name
        for key, value in arguments.items():
            if hasattr(type(self), key):
                raise UserError(f"{type(self).__name__}: {key!r} cannot be an argument.")
            setattr(self, key, value)

    @property
    def arguments(self):
        return {k: v for k, v in vars(self).items() if k not in self.OWN}

    def __eq__(self, other):
        return type(other) is type(self) and vars(self) == vars(other)

    def __repr__(self):
        listed = "".join(f", {k}={v!r}" for k, v in vars(self).items() if k != "name")
        return f"{type(self).__name__}({self.name!r}{listed})"


def field(default, at_least=None, above=None, at_most=None, below=None, choices=None):
    """Declares a dataclass field with its bounds.

    Args:
        default: Its default.
        at_least: The smallest value.
        above: What it has to be above.
        at_most: The largest value.
        below: What it has to be below.
        choices: The values that there are, an iterable of strings.
    """
    bounds = {"at_least": at_least, "above": above, "at_most": at_most, "below": below}
    metadata = {name: bound for name, bound in bounds.items() if bound is not None}
    if choices is not None:
        metadata["choices"] = choices
    return dataclasses.field(default=default, metadata=metadata)


def field_types(cls):
    """Returns the types of a dataclass's fields by their names."""
    hints = typing.get_type_hints(cls)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}


def made_from(cls, section, path):
    """Makes the dataclass of what a `NamedConfig` names.

    Args:
        cls: The dataclass.
        section: The `NamedConfig`, with arguments of the dataclass.
        path: Where it stands, for messages: `config.task`.

    Raises:
        UserError: For a name or a value that does not fit.
    """
    fields = {field.name: field for field in dataclasses.fields(cls)}
    arguments = section.arguments
    for name in arguments:
        if name not in fields:
            raise unknown_field(path, name, fields, section.name)
    nothing = dataclasses.MISSING
    for name, declared in fields.items():
        has_default = declared.default is not nothing or declared.default_factory is not nothing
        if name not in arguments and not has_default:
            raise UserError(f"{path}.{name}: expected a value, received none; give it one.")
    made = cls(**arguments)
    check_fields(made, path)
    return made


def unknown_field(path, name, names, owner):
    """Builds the error for an argument that there is not, naming the nearest.

    Args:
        path: Where it was given: `config.task`.
        name: Its name.
        names: The names that there are.
        owner: What has these.
    """
    guess = nearest(name, names)
    hint = f" Did you mean {path}.{guess}?" if guess else ""
    listed = ", ".join(sorted(names)) or "none"
    return UserError(f"{path}.{name}: there is no such field of {owner!r}.{hint} It has: {listed}.")


def check_fields(values, path):
    """Checks the types and bounds of all fields of a dataclass, in place.

    Whole numbers for float fields become floats, lists for tuples become tuples.

    Args:
        values: The dataclass; its fields may be such dataclasses, or dictionaries of them.
        path: Where it stands, for messages: `config.data`.

    Raises:
        UserError: Naming the field, what was expected and what was received.
    """
    kinds = field_types(type(values))
    for declared in dataclasses.fields(values):
        name = declared.name
        here = f"{path}.{name}"
        value = _checked(getattr(values, name), kinds[name], here)
        setattr(values, name, value)
        _check_bounds(value, declared.metadata, here)


def require(condition, path, expected, received):
    """Raises a `UserError` naming a field unless the condition holds."""
    if not condition:
        raise UserError(f"{path}: expected {expected}, received {received!r}.")


def _checked(value, kind, path):
    """Returns the value, of its right type."""
    origin, parameters = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        right = isinstance(value, (tuple, list)) and all(
            isinstance(v, parameters[0]) for v in value
        )
        require(right, path, _TUPLES.get(parameters[0], "a tuple"), value)
        return tuple(value)
    if origin is dict:
        require(isinstance(value, dict), path, "a mapping", value)
        return {key: _checked(item, parameters[1], f"{path}.{key}") for key, item in value.items()}
    if not isinstance(kind, type):
        return value  # a type that is not ours to know
    if dataclasses.is_dataclass(kind):
        require(isinstance(value, kind), path, f"a {kind.__name__}", value)
        check_fields(value, path)
    elif issubclass(kind, NamedConfig):
        require(isinstance(value, kind), path, f"a {kind.__name__}", value)
        for name in kind.OWN:
            own = getattr(value, name)
            require(isinstance(own, str), f"{path}.{name}", "a string", own)
    elif kind is float:
        right = isinstance(value, (int, float)) and not isinstance(value, bool)
        require(right and math.isfinite(value), path, "a finite number", value)
        return float(value)
    elif kind is int:
        right = isinstance(value, int) and not isinstance(value, bool)
        require(right, path, "a whole number", value)
    else:
        require(isinstance(value, kind), path, f"a {kind.__name__}", value)
    return value


_TUPLES = {str: "a tuple of strings", int: "a tuple of whole numbers"}


def _check_bounds(value, metadata, path):
    choices = metadata.get("choices")
    if choices is not None and value not in choices:
        raise unknown_name(path, value, choices)
    bounds = {name: metadata[name] for name in _BOUNDS if name in metadata}
    fits = all(_BOUNDS[name](value, bound) for name, bound in bounds.items())
    require(fits, path, _described(bounds), value)


def _described(bounds):
    if bounds.keys() == {"at_least", "at_most"}:
        return f"from {bounds['at_least']} to {bounds['at_most']}"
    words = " and ".join(f"{name.replace('_', ' ')} {bound}" for name, bound in bounds.items())
    return f"a number {words}" if bounds.keys() == {"above"} else words
