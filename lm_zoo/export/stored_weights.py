"""A model's weights at a precision, as the variables of a SavedModel."""

import numpy as np
import tensorflow as tf

from lm_zoo.errors import UserError, unknown_name

PRECISIONS = ("float32", "bfloat16", "float16", "int8")
MAX_FLOAT16 = 65504.0


class StoredWeights(tf.Module):
    """Weights as they are stored; a model runs with them, widened to float32.

    Vectors (biases, scales of normalisations) are float32 at every precision: they are few, and
    most is lost by rounding them. Matrices are rounded to `bfloat16` or `float16`, or to `int8`
    with one float32 scale for each row or each column, whichever loses less.

    Args:
        model: A built `LanguageModel`, whose weights are copied.
        precision: One of `PRECISIONS`.

    Raises:
        UserError: For an unknown precision, and for weights that it cannot hold.
    """

    def __init__(self, model, precision="float32"):
        super().__init__(name="weights")
        if precision not in PRECISIONS:
            raise unknown_name("precision", precision, PRECISIONS)
        self.precision = precision
        self.stored = tuple(_stored(weight, precision) for weight in model.weights)

    def widened(self):
        """Returns the weights as float32 tensors, in the order of `model.weights`."""
        return [_widened(*parts) for parts in self.stored]

    def assign_to(self, model):
        """Gives `model`, which was built alike, the rounded weights."""
        for weight, value in zip(model.weights, self.widened(), strict=True):
            weight.assign(value)

    @property
    def num_bytes(self):
        """What the stored weights take."""
        return sum(v.dtype.size * int(np.prod(v.shape)) for parts in self.stored for v in parts)


def _stored(weight, precision):
    """Returns the variables that one weight is kept in: itself, or integers and their scales."""
    value, name = tf.convert_to_tensor(weight).numpy(), weight.path.replace("/", ".")
    if not np.isfinite(value).all():
        raise UserError(
            f"model: expected finite weights, found {value[~np.isfinite(value)][0]} in "
            f"{weight.path}; export an earlier checkpoint (--checkpoint)."
        )
    if value.ndim < 2 or precision == "float32":
        return (_variable(value, name, tf.float32),)
    if precision == "int8":
        integers, scales = quantize(value)
        return _variable(integers, name, tf.int8), _variable(scales, f"{name}.scales", tf.float32)
    largest = np.abs(value).max()
    if precision == "float16" and largest > MAX_FLOAT16:
        raise UserError(
            f"precision: float16 holds numbers up to {MAX_FLOAT16:,.0f}, found {largest:g} in "
            f"{weight.path}; use bfloat16 or int8."
        )
    return (_variable(value, name, tf.as_dtype(precision)),)


def _variable(value, name, dtype):
    # On the CPU while they are only copied: a device may not have room for all of them twice.
    with tf.device("CPU"):
        return tf.Variable(tf.cast(value, dtype), trainable=False, name=name)


def _widened(values, scales=None):
    values = tf.cast(tf.convert_to_tensor(values), tf.float32)
    return values if scales is None else values * scales


def quantize(matrix):
    """Rounds a matrix to whole numbers from -127 to 127, times a scale for each row or column.

    Args:
        matrix: float32 array of two or more axes.

    Returns:
        `(integers, scales)`: int8 and float32 arrays whose product is near the matrix; the scales
        have size 1 along all axes but the first (rows) or the last (columns).
    """
    rows = _quantize(matrix, tuple(range(1, matrix.ndim)))
    columns = _quantize(matrix, tuple(range(matrix.ndim - 1)))

    def error(rounded):
        integers, scales = rounded
        return float(np.square(integers * scales - matrix).sum())

    return min(rows, columns, key=error)


def _quantize(matrix, axes):
    largest = np.abs(matrix).max(axis=axes, keepdims=True)
    scales = np.where(largest > 0, largest / 127, 1).astype(np.float32)
    return np.round(matrix / scales).astype(np.int8), scales
