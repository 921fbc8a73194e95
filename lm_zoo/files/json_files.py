"""JSON that others may have written or changed: read within bounds, and checked field by field.

What JSON's own library lets pass and what later breaks is refused here: nesting without bounds,
numbers that no float holds, NaN and Infinity, two values for one key, halves of characters.
"""

import json
import math
import re

from lm_zoo.errors import UserError
from lm_zoo.files import raise_if_of_system, reason
from lm_zoo.files.input_files import read_input

MAX_BYTES = 16 << 20  # of a file of settings or notes
MAX_LARGE_BYTES = 256 << 20  # of a vocabulary, or of a list of many files
MAX_DEPTH = 100  # lists and objects within one another

_LONG_NUMBER = re.compile(r"\d{300}")
_SURROGATE = re.compile(r"\\u[dD][89abAB]")


class NotJson(ValueError):
    """It is no JSON, or not JSON of the expected kind; the message says why, in words."""


def read_json(path, expected=dict, most=MAX_BYTES, finite=True):
    """Returns what is in a JSON file.

    Args:
        path: The file, a regular one.
        expected: What it has to be, as for `check`.
        most: Maximum size in bytes.
        finite: Whether to refuse NaN and Infinity.

    Raises:
        OSError: If it cannot be read, is no regular file, or is too large.
        NotJson: If it is something else.
    """
    return parse_json(read_input(path, most), expected, finite)


def read_kept_json(field, path, expected, remedy):
    """Returns what is in a JSON file that lm_zoo wrote.

    Args:
        field: What the file belongs to, for errors.
        path: The file.
        expected: The type or form that its content must have, see `check`.
        remedy: What to do if it is missing or damaged.

    Raises:
        UserError: If it cannot be read, or is something else.
        OSError: If the cause is not the file, such as too many open files.
    """
    try:
        return read_json(path, expected)
    except FileNotFoundError:
        raise UserError(f"{field}: {path} is missing; {remedy}.") from None
    except NotJson as error:
        raise UserError(f"{field}: {path} is damaged ({error}); {remedy}.") from None
    except OSError as error:
        raise_if_of_system(error)
        raise UserError(f"{field}: {path} cannot be read: {reason(error)}; {remedy}.") from None


def parse_json(data, expected=object, finite=True):
    """Returns the value of a JSON text.

    Args:
        data: The text, or its bytes in UTF-8.
        expected: What it has to be, as for `check`.
        finite: Whether to refuse NaN and Infinity.

    Raises:
        NotJson: If it is something else.
    """
    try:
        text = data if isinstance(data, str) else str(data, "utf-8")
        value = json.loads(
            text,
            parse_float=_float if finite else None,
            parse_constant=_no_constant if finite else None,
            parse_int=_int if _LONG_NUMBER.search(text) else None,
            object_pairs_hook=_object,
        )
        _check_depth(value)
        if _SURROGATE.search(text):
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeDecodeError as error:
        raise NotJson(f"it is not UTF-8 (byte offset {error.start})") from None
    except UnicodeEncodeError:
        raise NotJson("it has half a character (a lone surrogate)") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise NotJson(f"it is not JSON ({error.msg}, {place})") from None
    except RecursionError:
        raise _too_deep() from None
    check(value, expected)
    return value


def check(value, expected, where=""):
    """Checks that a value has a shape; a description is a value of the same form.

        check(values, {"step": natural, "files": {str: {"size": natural, "sha256": str}}})

    Args:
        value: What JSON gave.
        expected: A type; `{key: description}`, all of whose keys must be there (those that end in
            "?" may be missing) while others may be, too; `{str: description}` for every value of
            an object, with a function in place of `str` for every key; `[description]` for a list;
            a tuple for any of several; None; or a function that tells whether a value is right, and
            whose documentation says what is.
        where: What the value is called in errors.

    Raises:
        NotJson: Naming the field, what was expected and what was received.
    """
    if isinstance(expected, tuple):
        _check_any(value, expected, where)
    elif isinstance(expected, dict):
        _require(isinstance(value, dict), where, "an object", value)
        for key, inner in expected.items():
            if callable(key):
                for name, held in value.items():
                    check(name, key, f"{where} {name!r:.80}".lstrip())
                    check(held, inner, f"{where}.{name:.80}".lstrip("."))
                continue
            name = key.removesuffix("?")
            path = f"{where}.{name}".lstrip(".")
            if name in value:
                check(value[name], inner, path)
            elif name == key:
                raise NotJson(f"there is no {path} in it")
    elif isinstance(expected, list):
        _require(isinstance(value, list), where, "a list", value)
        for place, held in enumerate(value):
            if type(held) is not expected[0]:  # else it is right, and lists may be long
                check(held, expected[0], f"{where}[{place}]")
    elif isinstance(expected, type):
        right = type(value) is expected or expected is object
        right = right or (expected is float and type(value) is int)
        _require(right, where, _NAMES.get(expected, expected.__name__), value)
    elif expected is None:
        _require(value is None, where, "null", value)
    else:
        _require(expected(value), where, expected.__doc__, value)


def natural(value):
    """a whole number from 0 to 2**63 - 1"""
    return type(value) is int and 0 <= value < 1 << 63


def sha256(value):
    """64 hexadecimal digits"""
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None


def file_name(value):
    """the name of a file in the same folder"""
    return (
        isinstance(value, str)
        and 0 < len(value) < 256
        and value not in (".", "..")
        and not re.search(r"[/\\\0]", value)
    )


_NAMES = {
    dict: "an object",
    list: "a list",
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
}


def _check_any(value, choices, where):
    errors = []
    for choice in choices:
        try:
            return check(value, choice, where)
        except NotJson as error:
            errors.append(error)
    raise errors[0]


def _require(condition, where, expected, received):
    if not condition:
        place = f"{where}: " if where else ""
        raise NotJson(f"{place}expected {expected}, received {received!r:.80}")


def _object(pairs):
    values = dict(pairs)
    if len(values) < len(pairs):
        seen = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise NotJson(f"it has two values for {twice!r:.80}")
    return values


def _float(text):
    value = float(text)
    if not math.isfinite(value):
        raise NotJson(f"it has the number {text:.40}, which is too large")
    return value


def _int(text):
    if len(text) > 300:
        raise NotJson(f"it has the number {text[:20]}..., which is too large")
    return int(text)


def _no_constant(name):
    raise NotJson(f"it has {name}, which is not a JSON number")


def _check_depth(value):
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return
    raise _too_deep()


def _too_deep():
    return NotJson(f"it is nested more than {MAX_DEPTH} deep")
