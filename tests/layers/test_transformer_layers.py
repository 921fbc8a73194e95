"""The Transformer's parts, each against a closed form or another implementation."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from lm_zoo.errors import UserError
from lm_zoo.layers.attention.key_value_cache import cache_mask, causal_mask, write
from lm_zoo.layers.attention.rotary import rotate, rotation
from lm_zoo.layers.attention.self_attention import CausalSelfAttention
from lm_zoo.layers.embedding import Embedding
from lm_zoo.layers.feed_forward import KINDS as FEED_FORWARD_KINDS
from lm_zoo.layers.feed_forward import FeedForward, gelu
from lm_zoo.layers.normalization import RMSNormalization, normalization
from lm_zoo.layers.output_projection import OutputProjection


def draw(shape, seed=0, scale=1.0):
    return tf.constant(scale * np.random.default_rng(seed).standard_normal(shape), tf.float32)


def test_the_cache_is_written_from_each_rows_own_position():
    cache, new = draw((3, 2, 5, 4), 1), draw((3, 2, 2, 4), 2)
    position = tf.constant([0, 3, 1])
    expected = cache.numpy()
    for row, begin in enumerate(position.numpy()):
        expected[row, :, begin : begin + 2] = new[row]
    np.testing.assert_array_equal(write(cache, new, position), expected)
    expected = cache.numpy()
    for row, begin in enumerate(position.numpy()):
        expected[row, :, begin] = new[row, :, 0]
    np.testing.assert_array_equal(write(cache, new[:, :, :1], position), expected)


def test_what_would_stand_beyond_the_end_of_the_cache_is_left_out():
    cache, new = draw((1, 1, 3, 2), 1), draw((1, 1, 2, 2), 2)
    written = write(cache, new, tf.constant([2])).numpy()
    np.testing.assert_array_equal(written[0, 0, :2], cache[0, 0, :2])
    np.testing.assert_array_equal(written[0, 0, 2], new[0, 0, 0])


def test_the_cache_mask_continues_the_causal_mask():
    whole = causal_mask(6).numpy()
    part = cache_mask(tf.constant([0, 4]), 2, 6).numpy()
    np.testing.assert_array_equal(part[0, 0], whole[:2])
    np.testing.assert_array_equal(part[1, 0], whole[4:])
    np.testing.assert_array_equal(np.exp(whole), np.tril(np.ones((6, 6))))


def attention_in_numpy(x, kernel, bias, out_kernel, out_bias, heads, kv_heads):
    length, width = x.shape
    size = width // heads
    q, k, v = np.split(x @ kernel + bias, [width, width + kv_heads * size], -1)
    outputs = []
    for head in range(heads):
        shared = head // (heads // kv_heads)
        query = q[:, head * size : (head + 1) * size]
        keys, values = (t[:, shared * size : (shared + 1) * size] for t in (k, v))
        for t in range(length):
            scores = np.exp(keys[: t + 1] @ query[t] / np.sqrt(size))
            outputs.append(scores / scores.sum() @ values[: t + 1])
    outputs = np.reshape(outputs, (heads, length, size)).transpose(1, 0, 2).reshape(length, width)
    return outputs @ out_kernel + out_bias


@pytest.mark.parametrize("kv_heads", [6, 3, 1])
def test_attention_equals_a_loop_over_heads_and_tokens(kv_heads):
    layer = CausalSelfAttention(12, 6, kv_heads)
    layer.build()
    layer.set_weights([draw(w.shape, i) for i, w in enumerate(layer.weights)])
    x = draw((2, 5, 12), 9)
    outputs, cache = layer(x, causal_mask(5))
    assert cache is None
    for row in range(2):
        expected = attention_in_numpy(x[row].numpy(), *layer.get_weights(), 6, kv_heads)
        np.testing.assert_allclose(outputs[row], expected, rtol=1e-4, atol=1e-4)


def test_half_precision_attention_survives_large_scores():
    layer = CausalSelfAttention(4, 1, 1, dtype="mixed_float16")
    layer.build()
    x = 60.0 * tf.eye(4, batch_shape=[1])  # scores of 60 * 60 * 4 / 2, beyond exp in float16
    layer.query_key_value.kernel.assign(tf.tile(2.0 * tf.eye(4), (1, 3)))
    outputs, _ = layer(tf.cast(x, tf.float16), causal_mask(4))
    assert np.isfinite(outputs.numpy().astype(np.float32)).all()


def test_gelu_and_its_gradient_are_tensorflows_tanh_approximation():
    x = tf.linspace(-6.0, 6.0, 201)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        ours, theirs = gelu(x), tf.nn.gelu(x, approximate=True)
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
    np.testing.assert_allclose(tape.gradient(ours, x), tape.gradient(theirs, x), atol=1e-5)


def test_feed_forward_kinds_follow_their_formulas():
    x = draw((1, 3, 4), 5)
    for kind in ("gelu", "relu", "swiglu"):
        layer = FeedForward(4, 6, kind=kind)
        layer.build()
        layer.set_weights([draw(w.shape, i) for i, w in enumerate(layer.weights)])
        inner, inner_bias, outer, outer_bias = layer.get_weights()
        middle = x.numpy() @ inner + inner_bias
        if kind == "swiglu":
            gate, value = middle[..., :6], middle[..., 6:]
            middle = gate / (1 + np.exp(-gate)) * value
        elif kind == "relu":
            middle = np.maximum(middle, 0)
        else:
            cubic = np.sqrt(2 / np.pi) * (middle + 0.044715 * middle**3)
            middle = 0.5 * middle * (1 + np.tanh(cubic))
        np.testing.assert_allclose(layer(x), middle @ outer + outer_bias, rtol=1e-4, atol=1e-4)


def test_rotations_turn_pairs_by_their_angles_and_scores_see_distances_alone():
    heads = draw((2, 1, 7, 8), 3)
    turned = rotate(heads, rotation(tf.range(7), 8, 100.0)).numpy()
    pairs = heads.numpy()[..., :4] + 1j * heads.numpy()[..., 4:]
    angles = np.arange(7)[:, None] * 100.0 ** (-np.arange(4) / 4)
    expected = pairs * np.exp(1j * angles)
    np.testing.assert_allclose(turned[..., :4], expected.real, atol=1e-5)
    np.testing.assert_allclose(turned[..., 4:], expected.imag, atol=1e-5)
    # Rows at their own positions: everything moved by 5 gives the same scores.
    moved = rotate(heads, rotation(tf.tile(tf.range(7)[None] + 5, (2, 1)), 8, 100.0)).numpy()
    scores = turned @ turned.swapaxes(-1, -2)
    np.testing.assert_allclose(moved @ moved.swapaxes(-1, -2), scores, atol=1e-4)


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_rms_normalization_keeps_its_gain_in_float32(dtype):
    layer = RMSNormalization(epsilon=1e-5, dtype=dtype)
    x = draw((3, 8), 2, scale=4.0)
    layer.build(x.shape)
    layer.scale.assign(tf.fill((8,), 1.003))  # bfloat16 has no value between 1 and 1.0078
    x = tf.cast(x, layer.compute_dtype)
    exact = x.numpy().astype(np.float64)
    exact = 1.003 * exact / np.sqrt((exact**2).mean(-1, keepdims=True) + 1e-5)
    expected = tf.cast(tf.constant(exact, tf.float32), layer.compute_dtype)
    assert layer(x).dtype == layer.compute_dtype
    received, expected = (tf.cast(t, tf.float32).numpy() for t in (layer(x), expected))
    np.testing.assert_allclose(received, expected, rtol=1e-6)


def test_the_embeddings_gradient_is_dense_and_sums_repeated_rows():
    layer = Embedding(4, 3, "zeros")
    ids = tf.constant([[1, 1, 3]])
    with tf.GradientTape() as tape:
        rows = layer(ids)
        loss = tf.reduce_sum(rows * tf.constant([1.0, 10.0, 100.0])[None, :, None])
    gradient = tape.gradient(loss, layer.trainable_variables[0])
    assert isinstance(gradient, tf.Tensor)
    np.testing.assert_array_equal(gradient[:, 0], [0, 11, 0, 100])


def test_adam_steps_are_right_for_repeated_tokens():
    """Keras' own embedding gives v = 0.00899 for this; one row of a dense matrix gives 0.02697."""
    layer = Embedding(3, 1, "zeros")
    layer.build()
    optimizer = keras.optimizers.Adam(0.1)
    optimizer.build(layer.trainable_variables)
    with tf.GradientTape() as tape:
        loss = 3.0 * tf.reduce_sum(layer(tf.constant([1, 1, 1])))
    optimizer.apply(tape.gradient(loss, layer.trainable_variables), layer.trainable_variables)
    velocity = [v for v in optimizer.variables if "velocity" in v.path][0]
    assert velocity.numpy()[1, 0] == pytest.approx(0.001 * 9.0**2, rel=1e-5)


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_logits_are_float32_products_with_one_vector_per_token(tied, dtype):
    layer = OutputProjection(7, 4, tied=tied, use_bias=True, dtype=dtype)
    layer.build()
    layer.bias.assign(draw((7,), 1))
    table = draw((7, 4), 2) if tied else tf.convert_to_tensor(layer.kernel)
    hidden = draw((2, 3, 4), 3)
    logits = layer(hidden, table if tied else None)
    assert logits.dtype == tf.float32 and logits.shape == (2, 3, 7)
    expected = hidden.numpy() @ table.numpy().T + layer.bias.numpy()
    np.testing.assert_allclose(logits, expected, atol=1e-5 if dtype == "float32" else 0.1)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: FeedForward(4, 8, kind="gelo"), "feed_forward.*'gelo'.*'gelu'"),
        (lambda: normalization("rms", True, "n", None), "normalization.*'rms'.*'rms_norm'"),
    ],
)
def test_unknown_kinds_are_refused(make, message):
    with pytest.raises(UserError, match=message):
        make()


EXTREMES = [0.0, 1e-3, 1.0, 5.0, 12.0, 100.0, 255.0, 256.0, 300.0, 4e3, 6e4]


@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16, tf.float32], ids=lambda d: d.name)
@pytest.mark.parametrize("kind", FEED_FORWARD_KINDS)
def test_activations_have_a_slope_wherever_they_have_a_value(kind, dtype):
    """The square of 256 is infinite in float16; of 1e20 in the two others."""
    more = [] if dtype == tf.float16 else [1e19, 1e20, 1e30]
    x = np.asarray(tf.constant([*EXTREMES, *more], dtype), np.float64)
    x = np.concatenate([x, -x])
    with np.errstate(over="ignore"):
        if kind == "gelu":  # Keras' form of it, in float64
            u = np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)
            slope_of_u = np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * x**2)
            tanh = np.tanh(u)
            value = x / 2 * (1 + tanh)
            slope = (1 + tanh) / 2 + x / 2 * (1 - tanh) * (1 + tanh) * slope_of_u
            activate = gelu
        elif kind == "gelu_exact":
            cumulative = np.array([(1 + math.erf(value / math.sqrt(2))) / 2 for value in x])
            density = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
            value, slope, activate = x * cumulative, cumulative + x * density, tf.nn.gelu
        elif kind == "relu":
            value, slope, activate = np.maximum(x, 0), (x > 0).astype(float), tf.nn.relu
        else:  # the gate of swiglu
            gate = 1 / (1 + np.exp(-x))
            value, slope, activate = x * gate, gate * (1 + x * (1 - gate)), tf.nn.silu
    for function in (activate, tf.function(activate, jit_compile=True, autograph=False)):
        with tf.GradientTape() as tape:
            inputs = tf.constant(x, dtype)
            tape.watch(inputs)
            outputs = function(inputs)
        found = np.asarray(tape.gradient(outputs, inputs), np.float64)
        unit = {tf.float16: 2**-10, tf.bfloat16: 2**-7, tf.float32: 1e-6}[dtype]
        np.testing.assert_allclose(np.asarray(outputs, np.float64), value, rtol=4 * unit, atol=unit)
        np.testing.assert_allclose(found, slope, atol=8 * unit)


@pytest.mark.parametrize("kind", ["layer_norm", "rms_norm"])
@pytest.mark.parametrize("size", [1e-3, 1.0, 300.0, 6e4])
def test_normalisations_have_float16_gradients_at_every_size(kind, size):
    """The squares and their sum are beyond float16 from a few hundred on."""
    rng = np.random.default_rng(0)
    x, slopes = rng.uniform(-1, 1, (2, 5, 64)), rng.normal(size=(5, 64))
    x = np.asarray(tf.constant(x[0] * size, tf.float16), np.float64)
    layers = [normalization(kind, True, "norm", dtype) for dtype in ("mixed_float16", "float64")]
    outputs, gradients = [], []
    for layer, dtype in zip(layers, (tf.float16, tf.float64)):
        layer.build((None, 64))
        inputs = tf.constant(x, dtype)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs.append(layer(inputs))
        slope = tf.constant(slopes * min(size, 300.0), dtype)
        found = tape.gradient(outputs[-1], [inputs, *layer.trainable_variables], slope)
        gradients.append([np.asarray(g, np.float64) for g in found])
    np.testing.assert_allclose(*(np.asarray(o, np.float64) for o in outputs), atol=4e-3)
    for found, expected in zip(*gradients):
        largest = np.abs(expected).max()
        np.testing.assert_allclose(found, expected, atol=2e-3 * largest + 2**-24)
