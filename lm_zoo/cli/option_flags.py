"""Flags made of what is declared once: fields of a dataclass, inputs of a prediction."""

import dataclasses
import typing

from absl import flags

from lm_zoo.checked_fields import facts_of, field_types, type_beside_none
from lm_zoo.files import expanded

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


class _Path(flags.ArgumentParser):
    """Reads a path, a string. A shell leaves the `~` of `--workdir=~/runs` as it is."""

    def parse(self, argument):
        return str(expanded(argument)) if argument.startswith("~") else argument

    def flag_type(self):
        return "path"


class _Paths(flags.ListParser):
    def parse(self, argument):
        return [_Path().parse(path) for path in super().parse(argument)]


def is_path_flag(flag):
    """Whether a flag's values are paths."""
    return isinstance(flag.parser, (_Path, _Paths))


def define_option_flags(cls, flag_values, label=""):
    """Adds a flag for each field that has none yet.

    Args:
        cls: A dataclass whose fields are made by `lm_zoo.checked_fields.field`.
        flag_values: The command's flags.
        label: Stands before each help text: whose options these are.
    """
    kinds = field_types(cls)
    for declared in dataclasses.fields(cls):
        name = declared.name.removesuffix("_")  # of `from_`, which would be Python's word
        if name in flag_values:
            continue
        kind, _ = type_beside_none(kinds[declared.name])
        lines, many = declared.metadata.get("lines"), ""
        if typing.get_origin(kind) is tuple:
            kind, many = str, REPEATED if declared.metadata.get("repeated") else BY_COMMAS
        elif lines:
            many = "" if lines == 1 else BY_COMMAS
        more = {key: declared.metadata.get(key) for key in ("is_path", "required")}
        facts, default = facts_of(declared), declared.default
        define_flag(name, kind, default, facts, flag_values, label, many, **more)


def define_input_flags(inputs, flag_values, label=""):
    """Adds a flag for each `Input` of a prediction that has none yet."""
    for each in inputs:
        if each.name not in flag_values:
            many = REPEATED if each.is_list else ""
            define_flag(each.name, each.kind, each.default, each, flag_values, label, many)


def define_flag(
    name, kind, default, facts, flag_values, label="", many="", is_path=False, required=False
):
    """Adds a flag.

    Args:
        name: Its name.
        kind: The type of its value, or of each of several.
        default: Its default, or None.
        facts: Its `Facts`, which say what it may be.
        flag_values: The command's flags.
        label: Stands before the help text.
        many: `REPEATED`, `BY_COMMAS`, or "" for one value.
        is_path: Whether a value is a path.
        required: Whether it must be given.
    """
    text, serializer = label + facts.help, flags.ArgumentSerializer()
    if kind is bool:
        flags.DEFINE_bool(name, default, text, flag_values)
    elif many == BY_COMMAS:
        parser, serializer = (
            (_Paths if is_path else flags.ListParser)(),
            flags.CsvListSerializer(","),
        )
        flags.DEFINE(parser, name, list(default or ()), text, flag_values, serializer)
    elif many == REPEATED:
        parser, values = _parser(kind, facts, is_path), list(default or ())
        flags.DEFINE_multi(parser, serializer, name, values, text, flag_values)
    else:
        parser = _parser(kind, facts, is_path)
        flags.DEFINE(parser, name, default, text, flag_values, serializer, required=required)


def _parser(kind, facts, is_path):
    if facts.choices:
        return flags.EnumParser(list(facts.choices))
    if kind in (int, float):
        return _Number(kind, facts)
    return _Path() if is_path else flags.ArgumentParser()


def options_of_flags(cls, flag_values):
    """Returns the dataclass made of the flags' values; files of lines as lists of strings.

    Raises:
        UserError: For a file that cannot be read, and files of unequal numbers of lines.
    """
    values = {each.name: flag_values[each.name].value for each in dataclasses.fields(cls)}
    tuples = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
    return cls(**(values | tuples | _lines(cls, values)))


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
