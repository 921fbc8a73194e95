"""How far the outputs of a SavedModel are from Python's."""

import numpy as np

from lm_zoo.errors import UserError

TOLERANCE = 1e-4  # of a log-probability, relative to it where it is larger than 1 nat


def compare_outputs(name, text, found, expected, kinds):
    """Compares all outputs of a prediction.

    Args:
        name: Of the prediction.
        text: What it was asked, for messages.
        found: Output name -> array from the SavedModel.
        expected: Output name -> what Python gives.
        kinds: Output name -> `equal`, `log_prob`, `perplexity` or `vector`.

    Returns:
        The largest difference: of a log-probability relative to the larger of it and 1 nat, of a
        vector relative to its length; 0 where all are `equal`.

    Raises:
        UserError: If one differs by more than `TOLERANCE`.
    """
    largest = 0.0
    for output, kind in sorted(kinds.items(), key=lambda item: item[1] != "equal"):
        given, own = found[output], expected[output]
        if kind == "equal":
            check_equal(name, text, given.tolist(), _as_written(own))
        elif kind == "vector":
            largest = max(largest, _compare_vectors(name, text, given, np.asarray(own)))
        elif kind == "perplexity":
            with np.errstate(divide="ignore"):
                given, own = np.log(given), np.log(np.asarray(own, np.float64))
            largest = max(largest, compare(name, text, given, own))
        else:
            largest = max(largest, compare(name, text, given, own))
    return largest


def compare(name, text, found, expected):
    """Returns the largest difference of log-probabilities, relative above 1 nat."""
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    if found.shape != expected.shape:
        raise different(name, text, found.shape, expected.shape)
    same = (found == expected) | (np.isnan(found) & np.isnan(expected))
    with np.errstate(invalid="ignore"):
        difference = np.abs(found - expected) / np.maximum(np.abs(expected), 1)
    difference = np.where(same, 0, difference)
    if not np.all(difference <= TOLERANCE):
        worst = np.unravel_index(np.argmax(np.nan_to_num(difference, nan=np.inf)), found.shape)
        raise different(name, text, found[worst], expected[worst])
    return float(np.max(difference, initial=0))


def _compare_vectors(name, text, found, expected):
    lengths = np.maximum(np.linalg.norm(expected, axis=1), 1e-6)
    difference = float(np.max(np.linalg.norm(found - expected, axis=1) / lengths, initial=0))
    if not difference <= TOLERANCE:
        raise different(name, text, f"a vector {difference:.1e} away", "another")
    return difference


def _as_written(values):
    """Returns nested lists, with texts as the bytes that a SavedModel gives."""
    values = values.tolist() if isinstance(values, np.ndarray) else values
    if isinstance(values, (list, tuple)):
        return [_as_written(value) for value in values]
    return values.encode("utf-8") if isinstance(values, str) else values


def check_equal(name, text, found, expected):
    """Raises the error for a difference unless two values are equal."""
    if found != expected:
        raise different(name, text, repr(found), repr(expected))  # on one line


def different(name, text, found, expected):
    """Returns the error for an output that differs."""
    return UserError(
        f"export: {name} of {text!r:.60} gives {found!s:.200} in the SavedModel, but "
        f"{expected!s:.200} in Python, so nothing was written; this is a bug in lm_zoo or "
        "TensorFlow: please report it."
    )
