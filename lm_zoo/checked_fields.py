"""What a value may be, said once beside its default, and the one check of it.

    @dataclasses.dataclass
    class DataConfig:
        batch_size: int = field(20, at_least=1)

Sections of the config, arguments of tasks and corpora, and the options of generation, translation
and evaluation are dataclasses of such fields; flags and the inputs of predictions are made of them.
This module imports the standard library alone.
"""

import dataclasses
import math
import operator
import types
import typing

from lm_zoo.errors import UserError, did_you_mean, unknown_name

MAX_INT32 = 2**31 - 1  # of whole numbers in a graph, where they are int32
TYPE_WORDS = {
    int: "a whole number",
    float: "a finite number",
    bool: "true or false",
    str: "a string",
    dict: "a mapping",
    tuple: 'strings, as a,b or (if they hold commas) as ("a", "b")',
}
_COMPARISONS = {
    "at_least": operator.ge,
    "above": operator.gt,
    "at_most": operator.le,
    "below": operator.lt,
}
_TUPLES = {str: "a tuple of strings", int: "a tuple of whole numbers"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Facts:
    """What a value may be, and what it is for.

    Attributes:
        at_least: The smallest value, or None.
        above: What it has to be above, or None.
        at_most: The largest value, or None.
        below: What it has to be below, or None.
        note: What is said of the bounds in messages: `0: off`.
        choices: All values that there are, strings; empty for any.
        help: One line, for `--help`, the model card and messages.
    """

    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    below: float | None = None
    note: str = ""
    choices: typing.Collection[str] = ()
    help: str = ""

    def words(self, kind):
        """Says what a value of a type has to be: `a whole number of at least 0 (0: off)`."""
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        bounds = [f"{name.replace('_', ' ')} {bound}" for name, _, bound in self._bounds()]
        expected = type_words(kind)
        if bounds:
            link = " of " if bounds[0].startswith("at") else " "
            expected += link + " and ".join(bounds)
        return f"{expected} ({self.note})" if self.note else expected

    def fits(self, values):
        """Tells which numbers are finite and within bounds: of a number, an array, or a tensor."""
        right = abs(values) < math.inf if not _is_whole(values) else values == values
        for _, keeps, bound in self._bounds():
            right &= keeps(values, bound)
        return right

    def _bounds(self):
        """Yields `(name, comparison, bound)` of the bounds that there are."""
        for name, keeps in _COMPARISONS.items():
            if (bound := getattr(self, name)) is not None:
                yield name, keeps, bound

    def checked(self, kind, value, path):
        """Returns a value of a type after checking it; whole numbers become floats for `float`.

        Args:
            kind: `int`, `float`, `bool`, `str` or another class.
            value: The value.
            path: What it is called in messages.

        Raises:
            UserError: Naming what was expected and what was received.
        """
        if kind in (int, float):
            types_ = (int,) if kind is int else (int, float)
            is_number = isinstance(value, types_) and not isinstance(value, bool)
            require(is_number and self.fits(value), path, self.words(kind), value)
            return kind(value)
        if self.choices:
            if value not in self.choices:
                raise UserError(f"{path}: {not_among(self.choices, value)}")
            return value
        require(isinstance(value, kind), path, type_words(kind), value)
        return value


def field(
    default, lines=None, names_result=False, repeated=False, is_path=False, required=False, **facts
):
    """Declares a dataclass field with what its value may be, and how a flag is made of it.

    Args:
        default: Its default.
        lines: For a value that the command line reads from files, a line each string: 1 (a file) or
            `any` (several files, a list of strings each).
        names_result: Whether the name of such a file is that of the result.
        repeated: Whether the flag of a tuple is given once for each string; else its strings stand
            in one flag, with commas between them.
        is_path: Whether it names a file or folder (a tuple: several), so that `~` begins the home
            folder in the flag; those of `lines` do.
        required: Whether the flag must be given.
        **facts: Attributes of `Facts`.
    """
    metadata = {
        "facts": Facts(**facts),
        "lines": lines,
        "names_result": names_result,
        "repeated": repeated,
        "is_path": is_path or lines is not None,
        "required": required,
    }
    return dataclasses.field(default=default, metadata=metadata)


def same_field(cls, name):
    """Returns a dataclass field with the default and the facts of another dataclass's field."""
    (found,) = (each for each in dataclasses.fields(cls) if each.name == name)
    return dataclasses.field(default=found.default, metadata=found.metadata)


def facts_of(declared):
    """Returns the `Facts` of a `dataclasses.Field`."""
    return declared.metadata.get("facts", Facts())


def field_types(cls):
    """Returns the types of a dataclass's fields by their names."""
    hints = typing.get_type_hints(cls)
    return {each.name: hints[each.name] for each in dataclasses.fields(cls)}


def type_beside_none(kind):
    """Returns `(type, may be None)` of a type such as `int | None`."""
    if typing.get_origin(kind) not in (types.UnionType, typing.Union):
        return kind, False
    kinds = [each for each in typing.get_args(kind) if each is not type(None)]
    return kinds[0], len(kinds) < len(typing.get_args(kind))


def type_words(kind):
    """Says of which type a value has to be: `a whole number`."""
    return TYPE_WORDS.get(kind, f"a {kind.__name__}")


def check_fields(values, path="", in_graph=False):
    """Checks the types and bounds of all fields of a dataclass, in place.

    Whole numbers for float fields become floats, lists for tuples become tuples.

    Args:
        values: The dataclass; its fields may be such dataclasses, or dictionaries of them.
        path: Where it stands, for messages: `config.data`; "" for options, which stand alone.
        in_graph: Whether whole numbers go into a graph, as int32.

    Raises:
        UserError: Naming the field, what was expected and what was received.
    """
    kinds = field_types(type(values))
    for declared in dataclasses.fields(values):
        name = declared.name
        here = f"{path}.{name}" if path else name
        value = _checked(getattr(values, name), kinds[name], facts_of(declared), here)
        setattr(values, name, value)
        if in_graph and type(value) is int:
            require(value <= MAX_INT32, name, f"a number below {MAX_INT32 + 1}", value)


def options_of(cls, name, values):
    """Returns a dataclass of options made of keywords, by its `validate` not yet checked.

    Args:
        cls: The dataclass.
        name: What is asked for, in messages: `generate`.
        values: Option name -> value.

    Raises:
        UserError: For a name that is no option.
    """
    names = [each.name for each in dataclasses.fields(cls)]
    for option in values:
        if option not in names:
            raise unknown_name(name, option, names)
    return cls(**values)


def require(condition, path, expected, received):
    """Raises a `UserError` that names a field, unless the condition holds."""
    if not condition:
        raise UserError(f"{path}: expected {expected}, received {received!r}.")


def not_among(choices, received):
    """Says what was expected of a value that is none of the choices, and the nearest one."""
    expected = Facts(choices=choices).words(str)
    return f"expected {expected}, received {received!r}.{did_you_mean(received, choices)}"


def _checked(value, kind, facts, path):
    """Returns the value, of its right type and within its bounds."""
    kind, may_be_none = type_beside_none(kind)
    if value is None and may_be_none:
        return None
    origin, parameters = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        right = isinstance(value, (tuple, list)) and all(
            isinstance(each, parameters[0]) for each in value
        )
        require(right, path, _TUPLES.get(parameters[0], "a tuple"), value)
        return tuple(value)
    if origin is dict:
        require(isinstance(value, dict), path, TYPE_WORDS[dict], value)
        return {
            key: _checked(item, parameters[1], Facts(), f"{path}.{key}")
            for key, item in value.items()
        }
    if not isinstance(kind, type):
        return value  # a type that is not ours to know
    value = facts.checked(kind, value, path)
    if dataclasses.is_dataclass(kind):
        check_fields(value, path)
    elif hasattr(kind, "check_own"):
        value.check_own(path)
    return value


def _is_whole(values):
    """Whether a number, an array or a tensor is of integers."""
    dtype = getattr(values, "dtype", None)
    if dtype is None:
        return isinstance(values, int)
    return "int" in getattr(dtype, "name", str(dtype))
