"""The signatures of an exported model: what a request may put in, and how requests share a call."""

import dataclasses
import typing

import numpy as np
import tensorflow as tf

from lm_zoo.errors import nearest
from lm_zoo.serving.call import STEPS, Call
from lm_zoo.serving.input_shapes import ROWS, per_row, too_many_rows, wrong_shape
from lm_zoo.serving.request_body import field
from lm_zoo.serving.request_error import RequestError

# Inputs of one value for all rows: requests share a call only if they agree.
SHARED = ("k", "num_beams", "length_penalty", "num_return_sequences")
RAGGED = {"token_logprobs": ("row_lengths", ("tokens", "log_probs"))}

# Input -> (what is expected, whether all values are that).
CHECKS = {
    "max_new_tokens": ("at least 1", lambda values: values >= 1),
    "temperature": ("finite and at least 0", lambda values: np.isfinite(values) & (values >= 0)),
    "top_k": ("at least 0 (0: all)", lambda values: values >= 0),
    "top_p": ("above 0 and at most 1", lambda values: (values > 0) & (values <= 1)),
    "seed": ("at least 0", lambda values: values >= 0),
    "k": ("at least 1", lambda values: values >= 1),
    "num_beams": ("at least 1", lambda values: values >= 1),
    "num_return_sequences": ("at least 1", lambda values: values >= 1),
    "length_penalty": ("a finite number", np.isfinite),
    # What comes with a name of a signature is checked so in this signature alone.
    ("translate", "max_new_tokens"): (
        "at least 0 (0: by the source's length)",
        lambda values: values >= 0,
    ),
}


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
        if STEPS in inputs:
            inputs[STEPS] = np.int32(2)
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
                    f"{field(name)}: the signature {self.name!r} has no such input.{hint} It has "
                    f"{', '.join(sorted(self.inputs))}.",
                    param=field(name),
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
        most = {STEPS: limits.max_new_tokens, "num_beams": limits.max_num_beams}
        self._check(values, most)
        key, inputs = [], {}
        for name, value in values.items():
            if name in SHARED:
                if value.shape not in ((), (rows,)) or len(np.unique(value)) != 1:
                    raise wrong_shape(name, "one value for all rows", value.shape)
                key.append((name, value.reshape(-1)[0].item()))
            else:
                inputs[name] = per_row(name, value, rows)
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
                    raise wrong_shape(name, "a list of strings", values[name].shape)
                if rows is not None and len(values[name]) != rows:
                    raise wrong_shape(name, f"as many as text has, {rows}", values[name].shape)
                rows = len(values[name])
        if not rows:
            raise RequestError("text: expected at least 1, received none.")
        if rows > max_rows:
            raise too_many_rows("text", max_rows, rows)
        return rows

    def _check(self, values, most):
        for name, value in values.items():
            expected, right = CHECKS.get((self.name, name)) or CHECKS.get(name, ("", None))
            if right is not None and not np.all(right(value)):
                wrong = value[~right(value)].reshape(-1)[0]
                raise RequestError(f"{name}: expected {expected}, received {wrong}.", param=name)
            if name in most and np.any(value > most[name]):
                raise RequestError(
                    f"{name}: expected at most {most[name]}, received {value.max()}.", param=name
                )


def _same_width(parts):
    """Pads lists of stop strings of different lengths by empty ones, which mean nothing."""
    if parts[0].ndim < 2:
        return parts
    width = max(part.shape[1] for part in parts)
    return [
        np.pad(part, ((0, 0), (0, width - part.shape[1])), constant_values=b"") for part in parts
    ]
