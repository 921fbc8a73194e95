"""Options with their bounds beside their defaults; needs the standard library alone.

@dataclasses.dataclass
class SearchOptions:
    num_beams: int = option(4, at_least=1, help="Beams of the search; 1 is greedy.")
"""

import dataclasses
import math
import typing

from lm_zoo.errors import UserError, unknown_name

FACTS = ("at_least", "above", "at_most", "note", "choices", "help")
LARGEST = 2**31 - 1  # of whole numbers: they are int32 in a graph


def option(default, **facts):
    """Returns the dataclass field of an option.

    Args:
        default: Its default; its type is the option's.
        **facts: `at_least`, `above` and `at_most`, bounds; `note`, what to say of them (`0: off`);
            `choices`, all values there are; `help`, one line.
    """
    return dataclasses.field(default=default, metadata={"option": facts})


def same_option(cls, name):
    """Returns a dataclass field with the default and the facts of another dataclass's option."""
    (field,) = (field for field in dataclasses.fields(cls) if field.name == name)
    return option(field.default, **facts_of(field))


def options_of(cls, name, values):
    """Returns a dataclass of options made of keywords, by its `validate` not yet checked.

    Args:
        cls: The dataclass.
        name: What is asked for, in messages: `generate`.
        values: Option name -> value.

    Raises:
        UserError: For a name that is no option.
    """
    names = [field.name for field in dataclasses.fields(cls)]
    for option_name in values:
        if option_name not in names:
            raise unknown_name(name, option_name, names)
    return cls(**values)


def facts_of(field):
    """Returns the facts that `option` was given of a `dataclasses.Field`."""
    return field.metadata.get("option", {})


def check_options(options):
    """Checks the types and bounds of a dataclass's options.

    Raises:
        UserError: Naming the option, what was expected and what was received.
    """
    for field in dataclasses.fields(options):
        value, facts = getattr(options, field.name), facts_of(field)
        kind = type(field.default)
        if field.default is None:
            if value is None:
                continue
            kind = _type_beside_none(type(options), field.name)
        if "choices" in facts:
            require(value in facts["choices"], field.name, " or ".join(facts["choices"]), value)
        elif kind is bool:
            require(isinstance(value, bool), field.name, "True or False", value)
        elif kind in (int, float):
            bounds = {name: facts[name] for name in FACTS[:3] if name in facts}
            types = (int,) if kind is int else (int, float)
            is_number = isinstance(value, types) and not isinstance(value, bool)
            expected = expected_number(kind is int, note=facts.get("note", ""), **bounds)
            require(is_number and fits(value, **bounds), field.name, expected, value)
            if kind is int:
                require(value <= LARGEST, field.name, f"a number below {LARGEST + 1}", value)


def _type_beside_none(cls, name):
    """Returns the type of an option that may be None."""
    hint = typing.get_type_hints(cls)[name]
    return next(kind for kind in typing.get_args(hint) if kind is not type(None))


def require(condition, name, expected, received):
    """Raises a `UserError` that names an option, unless the condition holds."""
    if not condition:
        raise UserError(f"{name}: expected {expected}, received {received!r}.")


def fits(values, at_least=None, above=None, at_most=None):
    """Tells whether numbers are finite and within bounds: a number, an array, or a tensor."""
    right = abs(values) < math.inf if not _is_whole(values) else values == values
    if at_least is not None:
        right &= values >= at_least
    if above is not None:
        right &= values > above
    if at_most is not None:
        right &= values <= at_most
    return right


def _is_whole(values):
    """Whether a number, an array or a tensor is of integers."""
    dtype = getattr(values, "dtype", None)
    if dtype is None:
        return isinstance(values, int)
    return "int" in getattr(dtype, "name", str(dtype))


def expected_number(is_whole, at_least=None, above=None, at_most=None, note=""):
    """Says what a number has to be: `a whole number of at least 0 (0: off)`."""
    bounds = [
        f"{words} {bound}"
        for words, bound in (("at least", at_least), ("above", above), ("at most", at_most))
        if bound is not None
    ]
    expected = "a whole number" if is_whole else "a finite number"
    if bounds:
        link = " of " if bounds[0].startswith("at") else " "
        expected += link + " and ".join(bounds)
    return f"{expected} ({note})" if note else expected
