"""How large the inputs of a signature may be, which is seen before anything is made of them."""

import numpy as np

from lm_zoo.serving.limits import MOST_STOP_BYTES, MOST_STOPS
from lm_zoo.serving.request_error import RequestError

# Inputs with one string a row; every other has one value for all as well.
ROWS = ("text", "source", "prompt")


def check_shape(name, shape, max_rows):
    """Refuses what has too many members, or too many dimensions.

    Args:
        name: Of the input.
        shape: The lengths of nested lists; empty for a single value.
        max_rows: Most texts of a request.

    Raises:
        RequestError: Naming the input, what was expected and what was received.
    """
    if name == "stop":
        if len(shape) > 2:
            raise wrong_shape(name, "a string, a list of strings, or a list for each text", shape)
        check_stops(shape[-1] if shape else 1)
        shape = shape[:-1]
    elif len(shape) > 1:
        expected = "a list of strings" if name in ROWS else "one value, or a list of them"
        raise wrong_shape(name, expected, shape)
    if shape and shape[0] > max_rows:
        raise too_many_rows(name, max_rows, shape[0])


def check_stops(count):
    """Refuses too many stop strings for one text."""
    if count > MOST_STOPS:
        raise RequestError(
            f"stop: expected at most {MOST_STOPS} strings a text, received {count:,}.", param="stop"
        )


def per_row(name, value, rows):
    """Repeats what holds for all rows: one value, or for `stop` one list of strings.

    Args:
        name: Of the input.
        value: A numpy array, within what `check_shape` lets pass.
        rows: How many there are.

    Returns:
        An array with the rows first.
    """
    if name == "stop":
        longest = max((len(stop) for stop in value.flat), default=0)
        if longest > MOST_STOP_BYTES:
            raise RequestError(
                f"stop: expected strings of at most {MOST_STOP_BYTES:,} bytes, received one of "
                f"{longest:,}.",
                param=name,
            )
        if value.ndim < 2:
            value = np.broadcast_to(value.reshape(-1), (rows, value.size))
        if value.ndim != 2 or len(value) != rows:
            raise wrong_shape(name, f"a string, a list of strings, or {rows} lists", value.shape)
        return value
    if value.shape not in ((), (rows,)):
        raise wrong_shape(name, f"one value, or a list of {rows}", value.shape)
    return np.broadcast_to(value, (rows,))


def wrong_shape(name, expected, shape):
    """The error for an input of another shape."""
    return RequestError(
        f"{name}: expected {expected}, received the shape {list(shape)}.", param=name
    )


def too_many_rows(name, most, received):
    """The error for more texts than one request may have."""
    return RequestError(
        f"{name}: expected at most {most} a request, received {received:,}.", param=name
    )
