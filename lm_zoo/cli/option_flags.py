"""Flags made of what is declared once: fields of an options dataclass, inputs of a prediction."""

import dataclasses
import typing

from absl import flags

from lm_zoo.checked_fields import facts_of, field_types, type_beside_none
from lm_zoo.cli.path_flags import define_path, define_paths

REPEATED, BY_COMMAS = "repeated", "by commas"  # how a flag takes several strings


class _Number(flags.ArgumentParser):
    """Reads a number, and checks it as its declaration says."""

    def __init__(self, kind, facts):
        super().__init__()
        self._kind, self._facts = kind, facts
        self.expected = facts.words(kind)

    def parse(self, argument):
        value = self._kind(argument)
        if not self._facts.fits(value):
            raise ValueError(self.expected)
        return value

    def flag_type(self):
        return self._kind.__name__


def define_option_flags(cls, flag_values, label=""):
    """Adds a flag for each field that has none yet.

    Args:
        cls: A dataclass whose fields are made by `lm_zoo.checked_fields.field`.
        flag_values: The command's flags.
        label: Stands before each help text: whose options these are.
    """
    kinds = field_types(cls)
    for declared in dataclasses.fields(cls):
        if declared.name in flag_values:
            continue
        facts, lines = facts_of(declared), declared.metadata.get("lines")
        if lines == 1:
            define_path(declared.name, None, label + facts.help, flag_values=flag_values)
        elif lines:
            define_paths(declared.name, [], label + facts.help, flag_values=flag_values)
        else:
            kind, _ = type_beside_none(kinds[declared.name])
            many = ""
            if typing.get_origin(kind) is tuple:
                kind, many = str, REPEATED if declared.metadata.get("repeated") else BY_COMMAS
            define_flag(declared.name, kind, declared.default, facts, flag_values, label, many)


def define_input_flags(inputs, flag_values, label=""):
    """Adds a flag for each `Input` of a prediction that has none yet."""
    for each in inputs:
        if each.name not in flag_values:
            many = REPEATED if each.is_list else ""
            define_flag(each.name, each.kind, each.default, each, flag_values, label, many)


def define_flag(name, kind, default, facts, flag_values, label="", many=""):
    """Adds a flag.

    Args:
        name: Its name.
        kind: The type of its value, or of each of several.
        default: Its default, or None.
        facts: Its `Facts`, which say what it may be.
        flag_values: The command's flags.
        label: Stands before the help text.
        many: `REPEATED`, `BY_COMMAS`, or "" for one value.
    """
    text = label + facts.help
    if many == REPEATED:
        flags.DEFINE_multi_string(name, list(default or ()), text, flag_values=flag_values)
    elif many == BY_COMMAS:
        flags.DEFINE_list(name, list(default or ()), text, flag_values=flag_values)
    elif facts.choices:
        flags.DEFINE_enum(name, default, list(facts.choices), text, flag_values=flag_values)
    elif kind is bool:
        flags.DEFINE_bool(name, default, text, flag_values=flag_values)
    elif kind in (int, float):
        serializer = flags.ArgumentSerializer()
        flags.DEFINE(_Number(kind, facts), name, default, text, flag_values, serializer)
    else:
        flags.DEFINE_string(name, default, text, flag_values=flag_values)


def options_of_flags(cls, flag_values):
    """Returns the dataclass made of the flags' values; files of lines as lists of strings.

    Raises:
        UserError: For a file that cannot be read, and files of unequal numbers of lines.
    """
    values = {each.name: flag_values[each.name].value for each in dataclasses.fields(cls)}
    lines = _lines(cls, values)
    tuples = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
    return cls(**(values | tuples | lines))


def _lines(cls, values):
    """Returns field name -> lines of the file that it names, or lists of them."""
    from lm_zoo.cli.lines import read_aligned

    named = []
    for declared in dataclasses.fields(cls):
        if declared.metadata.get("lines") and values[declared.name]:
            paths = values[declared.name]
            paths = paths if isinstance(paths, list) else [paths]
            named += [(declared, path) for path in paths]
    files = read_aligned([(f"--{declared.name}", path) for declared, path in named])
    found = {}
    for (declared, _), lines in zip(named, files, strict=True):
        if declared.metadata.get("lines") == 1:
            found[declared.name] = lines
        else:
            found.setdefault(declared.name, []).append(lines)
    return found
