"""Flags made of the fields of an options dataclass, which says types, bounds and help once."""

import dataclasses
import typing

from absl import flags

from lm_zoo.cli.path_flags import define_path, define_paths
from lm_zoo.options import facts_of


def define_option_flags(cls, flag_values, label=""):
    """Adds a flag for each field that has none yet.

    Args:
        cls: A dataclass whose fields are made by `lm_zoo.options.option`.
        flag_values: The command's flags.
        label: Stands before each help text: whose options these are.
    """
    hints = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        if field.name not in flag_values:
            _define(field, hints[field.name], flag_values, label)


def options_of_flags(cls, flag_values):
    """Returns the dataclass made of the flags' values; files of lines as lists of strings.

    Raises:
        UserError: For a file that cannot be read, and files of unequal numbers of lines.
    """
    values = {field.name: flag_values[field.name].value for field in dataclasses.fields(cls)}
    lines = _lines(cls, values)
    tuples = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
    return cls(**(values | tuples | lines))


def _define(field, hint, flag_values, label):
    facts = facts_of(field)
    text, default = label + facts["help"], field.default
    kinds = [kind for kind in typing.get_args(hint) or (hint,) if kind is not type(None)]
    kind = typing.get_origin(hint) if typing.get_origin(hint) is tuple else kinds[0]
    if facts.get("lines") == 1:
        define_path(field.name, None, text, flag_values=flag_values)
    elif "lines" in facts:
        define_paths(field.name, [], text, flag_values=flag_values)
    elif "choices" in facts:
        flags.DEFINE_enum(field.name, default, facts["choices"], text, flag_values=flag_values)
    elif kind is tuple:
        flags.DEFINE_list(field.name, list(default), text, flag_values=flag_values)
    elif kind is bool:
        flags.DEFINE_bool(field.name, default, text, flag_values=flag_values)
    elif kind is int:
        bounds = {"lower_bound": facts.get("at_least"), "upper_bound": facts.get("at_most")}
        flags.DEFINE_integer(field.name, default, text, flag_values=flag_values, **bounds)
    elif kind is float:
        bounds = {"lower_bound": facts.get("at_least"), "upper_bound": facts.get("at_most")}
        flags.DEFINE_float(field.name, default, text, flag_values=flag_values, **bounds)
    else:
        flags.DEFINE_string(field.name, default, text, flag_values=flag_values)


def _lines(cls, values):
    """Returns field name -> lines of the file that it names, or lists of them."""
    from lm_zoo.cli.lines import read_aligned

    named = []
    for field in dataclasses.fields(cls):
        if "lines" in facts_of(field) and values[field.name]:
            paths = values[field.name]
            paths = paths if isinstance(paths, list) else [paths]
            named += [(field, path) for path in paths]
    files = read_aligned([(f"--{field.name}", path) for field, path in named])
    found = {}
    for (field, _), lines in zip(named, files, strict=True):
        if facts_of(field)["lines"] == 1:
            found[field.name] = lines
        else:
            found.setdefault(field.name, []).append(lines)
    return found
