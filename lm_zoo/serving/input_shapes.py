"""How large the inputs of a signature may be, which is seen before anything is made of them."""

import numpy as np

from lm_zoo.serving.http.request_error import refused
from lm_zoo.serving.limits import MAX_STRING_BYTES, MAX_STRINGS


def check_shape(each, shape, max_rows):
    """Refuses what has too many members, or too many dimensions.

    Args:
        each: The `Input`.
        shape: The lengths of nested lists; empty for a single value.
        max_rows: Most texts of a request.

    Raises:
        RequestError: Naming the input, what was expected and what was received.
    """
    if each.each == "list":
        if len(shape) > 2:
            expected = "a string, a list of strings, or a list for each text"
            raise wrong_shape(each.name, expected, shape)
        check_number(each.name, shape[-1] if shape else 1)
        shape = shape[:-1]
    elif len(shape) > 1:
        raise wrong_shape(each.name, list_of(each) or "one value, or a list of them", shape)
    if shape and shape[0] > max_rows:
        raise too_many_rows(each.name, max_rows, shape[0])


def check_number(name, count):
    """Refuses too many strings for one text."""
    if count > MAX_STRINGS:
        raise refused(name, f"at most {MAX_STRINGS} strings a text", f"{count:,}")


def list_of(each):
    """What an `Input` has to be of which each row needs one, in words; "" for the others."""
    if not each.is_required or each.each != "row":
        return ""
    return "a list of strings" if each.dtype == "string" else "a list of numbers"


def per_row(each, value, rows):
    """Repeats what holds for all rows: one value, or one list of strings.

    Args:
        each: The `Input`.
        value: A numpy array, within what `check_shape` lets pass.
        rows: How many there are.

    Returns:
        An array with the rows first.
    """
    name = each.name
    if each.each != "list":
        if value.shape not in ((), (rows,)):
            raise wrong_shape(name, f"one value, or a list of {rows}", value.shape)
        return np.broadcast_to(value, (rows,))
    longest = max((len(string) for string in value.flat), default=0)
    if longest > MAX_STRING_BYTES:
        expected = f"strings of at most {MAX_STRING_BYTES:,} bytes"
        raise refused(name, expected, f"one of {longest:,}")
    if value.ndim < 2:
        value = np.broadcast_to(value.reshape(-1), (rows, value.size))
    if value.ndim != 2 or len(value) != rows:
        raise wrong_shape(name, f"a string, a list of strings, or {rows} lists", value.shape)
    return value


def same_width(parts):
    """Pads lists of strings of different lengths by empty ones, which mean nothing."""
    if parts[0].ndim < 2:
        return parts
    width = max(part.shape[1] for part in parts)
    return [
        np.pad(part, ((0, 0), (0, width - part.shape[1])), constant_values=b"") for part in parts
    ]


def wrong_shape(name, expected, shape):
    """The error for an input of another shape."""
    return refused(name, expected, f"the shape {list(shape)}")


def too_many_rows(name, most, received):
    """The error for more texts than one request may have."""
    return refused(name, f"at most {most} a request", f"{received:,}")
