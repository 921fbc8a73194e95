"""A signature of an exported model: what a request may put in, and how requests share a call."""

import dataclasses
import functools
import typing

import numpy as np
import tensorflow as tf

from lm_zoo.errors import did_you_mean
from lm_zoo.serving.http.request_error import RequestError, field, refused, shown
from lm_zoo.serving.inference.call import Call
from lm_zoo.serving.input_shapes import (
    list_of,
    per_row,
    same_width,
    too_many_rows,
    wrong_shape,
)
from lm_zoo.tasks.prediction import Prediction

DTYPES = {"string": object, "int32": np.int32, "float32": np.float32, "bool": np.bool_}


@dataclasses.dataclass
class Signature:
    """One signature of a SavedModel, which is a prediction on its card.

    Attributes:
        name: `score`, `generate`, ...
        function: Takes tensors by name, returns a dictionary of tensors.
        prediction: The `Prediction`.
    """

    name: str
    function: typing.Callable
    prediction: Prediction

    @functools.cached_property
    def inputs(self):
        """Name -> `Input`."""
        return {each.name: each for each in self.prediction.inputs}

    @functools.cached_property
    def defaults(self):
        """Name -> numpy array, for inputs that a request may leave out."""
        optional = [each for each in self.prediction.inputs if not each.is_required]
        return {each.name: _array(each, each.default) for each in optional}

    @property
    def required(self):
        """Names of the inputs without default."""
        return [each.name for each in self.prediction.inputs if each.is_required]

    def warm_up(self):
        """Calls it with one short text."""
        inputs = dict(self.defaults)
        for name in self.required:
            each = self.inputs[name]
            value = _array(each, _example(each))
            inputs[name] = value.reshape(1) if each.each == "row" else value
        inputs |= {name: np.int32(2) for name, each in self.inputs.items() if each.bounds_length}
        self.evaluate(inputs)

    def evaluate(self, inputs):
        """Calls the function; inputs and outputs are dictionaries of numpy arrays."""
        outputs = self.function(**{name: tf.constant(value) for name, value in inputs.items()})
        return {name: value.numpy() for name, value in outputs.items()}

    def check_names(self, names):
        """Raises a `RequestError` unless `names` are inputs and none is missing."""
        for name in names:
            if name not in self.inputs:
                raise RequestError(
                    f"{field(name)}: the signature {self.name!r} has no such input."
                    f"{did_you_mean(name, self.inputs)} It has "
                    f"{', '.join(sorted(self.inputs))}.",
                    param=field(name),
                )
        for name in self.required:
            if name not in names:
                raise RequestError(
                    f"{name}: the signature {self.name!r} requires it, and it was not given.",
                    param=name,
                )

    def call(self, values, limits):
        """Checks the values of a request and spreads them over its rows.

        Args:
            values: Name -> numpy array of the input's dtype.
            limits: `ServingLimits`.

        Returns:
            A `Call`.

        Raises:
            RequestError: Naming the input, what was expected and what was received.
        """
        self.check_names(values)
        values = self.defaults | values
        rows = self._rows(values, limits.max_rows)
        key, inputs = [], {}
        for name, value in values.items():
            each = self.inputs[name]
            _check_bounds(each, value, limits.most_of(each))
            if each.each == "call":
                if value.shape not in ((), (rows,)) or len(np.unique(value)) != 1:
                    raise wrong_shape(name, "one value for all rows", value.shape)
                key.append((name, value.reshape(-1)[0]))
            else:
                inputs[name] = per_row(each, value, rows)
        return Call(rows, tuple(key), inputs)

    def join(self, calls):
        """Makes one call of several of the same key; returns the inputs as numpy arrays."""
        inputs = {
            name: np.concatenate(same_width([call.inputs[name] for call in calls]))
            for name in calls[0].inputs
        }
        shared = {
            name: _array(self.inputs[name], value)
            for name, value in calls[0].key
            if name in self.inputs
        }
        return inputs | shared

    def split(self, outputs, counts):
        """Gives each of the joined calls its rows.

        Args:
            outputs: Name -> numpy array.
            counts: Rows of each call.

        Returns:
            A list of dictionaries.
        """
        ends, row_lengths, parts = np.cumsum(counts)[:-1], self.prediction.row_lengths, {}
        for name, value in outputs.items():
            if name in row_lengths:
                rows = np.split(outputs[row_lengths[name]], ends)
                parts[name] = np.split(value, np.cumsum([part.sum() for part in rows])[:-1])
            else:
                parts[name] = np.split(value, ends)
        return [{name: parts[name][i] for name in outputs} for i in range(len(counts))]

    def _rows(self, values, max_rows):
        """Returns how many rows a request has: all inputs of which each row needs one agree."""
        first = rows = None
        for name, each in self.inputs.items():
            expected = list_of(each)
            if not expected:
                continue
            if values[name].ndim != 1:
                raise wrong_shape(name, expected, values[name].shape)
            if rows is not None and len(values[name]) != rows:
                raise wrong_shape(name, f"as many as {first} has, {rows}", values[name].shape)
            first, rows = first or name, len(values[name])
        if not rows:
            raise refused(first, "at least 1", "none")
        if rows > max_rows:
            raise too_many_rows(first, max_rows, rows)
        return rows


def _array(each, value):
    """Returns a value of an `Input` as a numpy array of its dtype."""
    if each.dtype == "string" and not isinstance(value, bytes):
        value = [value] if isinstance(value, str) else list(value) or [""]
        value = [string.encode("utf-8") for string in value]
        value = value if each.each == "list" else value[0]
    return np.array(value, DTYPES[each.dtype])


def _example(each):
    """Returns a value that an `Input` admits."""
    if each.choices:
        return each.choices[0]
    if each.dtype == "string":
        return b"a"
    if each.at_least is not None or each.above is None:
        return each.at_least or 0
    return each.above + 1 if each.at_most is None else (each.above + each.at_most) / 2


def _check_bounds(each, values, most):
    """Raises a `RequestError` unless all values of an `Input` are what is expected.

    Args:
        each: The `Input`.
        values: Numpy array.
        most: The server's own limit, or None.
    """
    wrong = []
    if each.choices:
        given = [value.decode("utf-8") for value in values.reshape(-1)]
        wrong = [shown(value) for value in given if value not in each.choices]
    elif each.dtype in ("int32", "float32"):
        wrong = values[~np.asarray(each.fits(values))].reshape(-1)
    if len(wrong):
        raise refused(each.name, each.expected, wrong[0])
    if most is not None and np.any(values > most):
        raise refused(each.name, f"at most {most}", values.max())
