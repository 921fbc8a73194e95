"""Weights at a precision: what is stored, and what the model runs with."""

import numpy as np
import pytest
import tensorflow as tf

from lm_zoo.errors import UserError
from lm_zoo.export.stored_weights import PRECISIONS, StoredWeights, quantize
from lm_zoo.registry import build_model


def small_model():
    return build_model("lstm_lm", vocab_size=11, hidden_dim=8, num_layers=1, seed=0)


# Half a unit in the last place: bfloat16 has 8 binary digits, float16 has 11.
@pytest.mark.parametrize(
    "precision, bound", [("float32", 0), ("bfloat16", 2**-8), ("float16", 2**-11)]
)
def test_matrices_are_rounded_and_vectors_are_not(precision, bound):
    model = small_model()
    weights = StoredWeights(model, precision)
    for weight, widened in zip(model.weights, weights.widened(), strict=True):
        value = weight.numpy()
        assert widened.dtype == tf.float32
        own = bound if value.ndim > 1 else 0
        tiny = 2**-25 if own else 0  # half of float16's smallest number
        assert np.all(np.abs(widened - value) <= own * np.abs(value) + tiny)
    count = sum(np.size(w) for w in model.weights)
    vectors = sum(np.size(w) for w in model.weights if len(w.shape) == 1)
    each = 4 if precision == "float32" else 2
    assert weights.num_bytes == each * (count - vectors) + 4 * vectors


def test_int8_is_within_half_a_step_of_each_rows_or_columns_largest():
    rng = np.random.default_rng(0)
    matrix = rng.uniform(0.5, 1, size=(7, 7)).astype(np.float32)
    sizes = np.logspace(-3, 1, 7, dtype=np.float32)
    for scaled, axis in ((matrix * sizes[:, None], 1), (matrix * sizes, 0)):
        integers, scales = quantize(scaled)
        assert scales.shape[axis] == 1
        assert integers.dtype == np.int8 and scales.size == scaled.shape[1 - axis]
        steps = np.abs(scaled).max(axis=axis, keepdims=True) / 127
        assert np.all(np.abs(integers * scales - scaled) <= 0.5001 * steps)


def test_int8_of_zeros_is_zeros():
    integers, scales = quantize(np.zeros((3, 4), np.float32))
    assert np.all(integers * scales == 0) and np.all(np.isfinite(scales))


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_model_takes_over_what_is_stored(precision):
    model, other = small_model(), build_model("lstm_lm", vocab_size=11, hidden_dim=8, num_layers=1)
    weights = StoredWeights(model, precision)
    weights.assign_to(other)
    for weight, widened in zip(other.weights, weights.widened(), strict=True):
        np.testing.assert_array_equal(weight.numpy(), widened)


def test_what_a_precision_cannot_hold_is_refused():
    model = small_model()
    with pytest.raises(UserError, match="precision: unknown name 'float23'.*'float32'"):
        StoredWeights(model, "float23")
    kernel = model.recurrent_layers[0].kernel
    kernel.assign(np.full(kernel.shape, 1e5))
    with pytest.raises(UserError, match="float16 holds numbers up to 65,504, found 100000"):
        StoredWeights(model, "float16")
    StoredWeights(model, "bfloat16")
    kernel.assign(np.full(kernel.shape, np.nan))
    with pytest.raises(UserError, match="expected finite weights, found nan in .*kernel"):
        StoredWeights(model)
