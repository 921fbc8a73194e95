"""Sections of the config with a name, and the arguments of what they name.

This module imports the standard library alone.
"""

import dataclasses

from lm_zoo.checked_fields import check_fields, require
from lm_zoo.errors import UserError, did_you_mean


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

    def check_own(self, path):
        """Raises a `UserError` unless what is not an argument is a string."""
        for name in self.OWN:
            value = getattr(self, name)
            require(isinstance(value, str), f"{path}.{name}", "a string", value)


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
    hint = did_you_mean(name, names, path + ".{}")
    listed = ", ".join(sorted(names)) or "none"
    return UserError(f"{path}.{name}: there is no such field of {owner!r}.{hint} It has: {listed}.")
