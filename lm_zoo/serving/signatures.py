"""The signatures of an exported model: what a request may put in, and how requests share a call."""

import dataclasses
import typing

import numpy as np
import tensorflow as tf

from lm_zoo.errors import nearest
from lm_zoo.serving.request_error import RequestError

# Inputs with one string a row; every other has one value for all as well.
ROWS = ("text", "source", "prompt")
# Inputs of one value for all rows: requests share a call only if they agree.
SHARED = ("k", "beam_size", "length_penalty", "num_best")
# Inputs that say how long a text may get.
STEPS = ("max_new_tokens", "max_length")
RAGGED = {"token_logprobs": ("row_lengths", ("tokens", "log_probs"))}

# Input -> (what is expected, whether all values are that).
CHECKS = {
    "max_new_tokens": ("at least 1", lambda values: values >= 1),
    "temperature": ("finite and at least 0", lambda values: np.isfinite(values) & (values >= 0)),
    "top_k": ("at least 0 (0: all)", lambda values: values >= 0),
    "top_p": ("above 0 and at most 1", lambda values: (values > 0) & (values <= 1)),
    "seed": ("at least 0", lambda values: values >= 0),
    "k": ("at least 1", lambda values: values >= 1),
    "beam_size": ("at least 1", lambda values: values >= 1),
    "num_best": ("at least 1", lambda values: values >= 1),
    "length_penalty": ("a finite number", np.isfinite),
    "max_length": ("at least 0 (0: by the source's length)", lambda values: values >= 0),
}


class Call(typing.NamedTuple):
    """A request, ready to share a call with others.

    Attributes:
        rows: Number of texts.
        key: Calls of the same key can be joined.
        inputs: Name -> numpy array with the rows first; those of `SHARED` are in the key alone.
    """

    rows: int
    key: tuple
    inputs: dict

    def with_steps(self):
        """Returns the call with a key that keeps short texts from waiting for long ones."""
        key = [part for part in self.key if part[0] != "steps"]
        for name in STEPS:
            if name in self.inputs:
                key.append(("steps", int(self.inputs[name].max()).bit_length()))
        return self._replace(key=tuple(key))


@dataclasses.dataclass
class Signature:
    """One signature of a SavedModel.

    Attributes:
        name: `score`, `generate`, ...
        function: Takes tensors by name, returns a dictionary of tensors.
        inputs: Name -> `tf.TensorSpec`.
        defaults: Name -> numpy array, for inputs that a request may leave out.
    """

    name: str
    function: typing.Callable
    inputs: dict
    defaults: dict

    @property
    def required(self):
        """Names of the inputs without default."""
        return [name for name in self.inputs if name not in self.defaults]

    @property
    def is_ragged(self):
        """Whether a text has several values, so that there is no row form."""
        return self.name in RAGGED

    def warm_up(self):
        """Calls it with one short text."""
        inputs = self.defaults | {name: np.array([b"a"]) for name in self.required}
        inputs |= {name: np.int32(2) for name in STEPS if name in inputs}
        self.evaluate(inputs)

    def evaluate(self, inputs):
        """Calls the function; inputs and outputs are dictionaries of numpy arrays."""
        outputs = self.function(**{name: tf.constant(value) for name, value in inputs.items()})
        return {name: value.numpy() for name, value in outputs.items()}

    def check_names(self, names):
        """Raises a `RequestError` unless `names` are inputs and none is missing."""
        for name in names:
            if name not in self.inputs:
                guess = nearest(name, self.inputs)
                hint = f" Did you mean {guess!r}?" if guess else ""
                raise RequestError(
                    f"{name}: the signature {self.name!r} has no such input.{hint} It has "
                    f"{', '.join(sorted(self.inputs))}.",
                    param=name,
                )
        for name in self.required:
            if name not in names:
                raise RequestError(
                    f"{name}: the signature {self.name!r} needs it, and it was not given.",
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
        most = dict.fromkeys(STEPS, limits.max_new_tokens)
        self._check(values, most | {"beam_size": limits.max_beam_size})
        key, inputs = [], {}
        for name, value in values.items():
            if name in SHARED:
                if value.shape not in ((), (rows,)) or len(np.unique(value)) != 1:
                    raise _wrong_shape(name, "one value for all rows", value)
                key.append((name, value.reshape(-1)[0].item()))
            else:
                inputs[name] = _per_row(name, value, rows)
        return Call(rows, tuple(key), inputs).with_steps()

    def join(self, calls):
        """Makes one call of several of the same key; returns the inputs as numpy arrays."""
        inputs = {
            name: np.concatenate(_same_width([call.inputs[name] for call in calls]))
            for name in calls[0].inputs
        }
        shared = {
            name: self.inputs[name].dtype.as_numpy_dtype(value)
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
        ends = np.cumsum(counts)[:-1]
        lengths, flat = RAGGED.get(self.name, (None, ()))
        if lengths:
            flat_ends = np.cumsum([part.sum() for part in np.split(outputs[lengths], ends)])[:-1]
        parts = {
            name: np.split(value, flat_ends if name in flat else ends)
            for name, value in outputs.items()
        }
        return [{name: parts[name][i] for name in outputs} for i in range(len(counts))]

    def _rows(self, values, max_rows):
        rows = None
        for name in ROWS:
            if name in values:
                if values[name].ndim != 1:
                    raise _wrong_shape(name, "a list of strings", values[name])
                if rows is not None and len(values[name]) != rows:
                    raise _wrong_shape(name, f"as many as text has, {rows}", values[name])
                rows = len(values[name])
        if not rows:
            raise RequestError("text: expected at least 1, received none.")
        if rows > max_rows:
            raise RequestError(f"text: expected at most {max_rows} a request, received {rows}.")
        return rows

    def _check(self, values, most):
        for name, value in values.items():
            expected, right = CHECKS.get(name, ("", None))
            if right is not None and not np.all(right(value)):
                wrong = value[~right(value)].reshape(-1)[0]
                raise RequestError(f"{name}: expected {expected}, received {wrong}.", param=name)
            if name in most and np.any(value > most[name]):
                raise RequestError(
                    f"{name}: expected at most {most[name]}, received {value.max()}.", param=name
                )


def _per_row(name, value, rows):
    """Repeats what holds for all rows: one value, or for `stop` one list of strings."""
    if name == "stop":
        if value.ndim < 2:
            value = np.broadcast_to(value.reshape(-1), (rows, value.size))
        if value.ndim != 2 or len(value) != rows:
            raise _wrong_shape(name, f"a string, a list of strings, or {rows} lists", value)
        return value
    if value.shape not in ((), (rows,)):
        raise _wrong_shape(name, f"one value, or a list of {rows}", value)
    return np.broadcast_to(value, (rows,))


def _same_width(parts):
    """Pads lists of stop strings of different lengths by empty ones, which mean nothing."""
    if parts[0].ndim < 2:
        return parts
    width = max(part.shape[1] for part in parts)
    return [
        np.pad(part, ((0, 0), (0, width - part.shape[1])), constant_values=b"") for part in parts
    ]


def _wrong_shape(name, expected, value):
    return RequestError(
        f"{name}: expected {expected}, received the shape {list(value.shape)}.", param=name
    )
