"""Sums over tokens against numpy, where the tokens are of low precision."""

import numpy as np
import pytest
import tensorflow as tf

from lm_zoo.layers.dense import Dense
from lm_zoo.layers.wide_sums import add_each_to_each, add_shared

ROUNDING = {tf.bfloat16: 2.0**-8, tf.float16: 2.0**-11, tf.float32: 2.0**-18}


@pytest.mark.parametrize("dtype", ROUNDING, ids=lambda dtype: dtype.name)
@pytest.mark.parametrize("shared_shape", [(3,), (4, 3), (16384, 4, 3)])
def test_what_all_tokens_share_gets_the_whole_sum(dtype, shared_shape):
    """A constant gradient of 16,384 rows: bfloat16's own sum stops at 2.4 % of it."""
    x = tf.zeros((16384, 4, 3), dtype)
    shared = tf.Variable(tf.zeros(shared_shape))
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = add_shared(x, tf.convert_to_tensor(shared))
        loss = tf.reduce_sum(tf.cast(total, tf.float32) * 0.01)
    d_x, d_shared = tape.gradient(loss, [x, shared])
    each = float(tf.cast(0.01, dtype))
    assert total.dtype == d_x.dtype == dtype and d_shared.dtype == tf.float32
    np.testing.assert_array_equal(np.asarray(d_x, np.float64), each)
    count = x.shape.num_elements() // shared.shape.num_elements()
    # float32 itself rounds: 5e-4 after 65,536 terms that all round the same way.
    np.testing.assert_allclose(d_shared.numpy(), count * each, rtol=1e-3)


@pytest.mark.parametrize("dtype", ROUNDING, ids=lambda dtype: dtype.name)
def test_each_to_each_sums_over_both_texts(dtype):
    rng = np.random.default_rng(0)
    first, second = (tf.constant(rng.normal(size=(2, n, 3)), dtype) for n in (700, 500))
    with tf.GradientTape() as tape:
        tape.watch((first, second))
        total = add_each_to_each(first, second)
    slopes = tf.constant(rng.normal(1, 1, total.shape), dtype)
    np.testing.assert_array_equal(total, first[:, :, None] + second[:, None])
    d_first, d_second = tape.gradient(total, (first, second), output_gradients=slopes)
    exact = np.asarray(slopes, np.float64)
    np.testing.assert_allclose(np.asarray(d_first, np.float64), exact.sum(2), rtol=ROUNDING[dtype])
    np.testing.assert_allclose(np.asarray(d_second, np.float64), exact.sum(1), rtol=ROUNDING[dtype])


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_dense_is_a_product_and_a_bias(dtype):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 5, 4)).astype(np.float32)
    layer = Dense(3, activation="tanh", dtype=dtype)
    layer.build((None, None, 4))
    layer.bias.assign([0.1, -0.2, 0.3])
    expected = np.tanh(x @ layer.kernel.numpy() + layer.bias.numpy())
    found = layer(x)
    assert found.dtype == layer.compute_dtype and found.shape == (2, 5, 3)
    rounding = {"float32": 1e-6, "mixed_bfloat16": 3e-2, "mixed_float16": 3e-3}[dtype]
    np.testing.assert_allclose(np.asarray(found, np.float32), expected, atol=rounding)
    again = Dense.from_config(layer.get_config())
    assert (again.units, again.use_bias, again.activation) == (3, True, layer.activation)
    assert [v.path.split("/")[-1] for v in layer.weights] == ["kernel", "bias"]
    assert Dense(3, use_bias=False).use_bias is False
