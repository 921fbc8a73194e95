"""Dropout masks are a function of (seed, step, call, global row, position)."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from lm_zoo.errors import UserError
from lm_zoo.layers.dropout import Dropout, dropout_scope

ROWS, WIDTH = 64, 1500


def masks(seed=1, step=1, first_row=0, rows=ROWS, width=WIDTH, rate=0.3, calls=1):
    """Returns the masks of some calls in one scope as booleans: True where a one was kept."""
    layer = Dropout(rate)
    with dropout_scope(seed, step, first_row):
        outputs = [layer(tf.ones((rows, width)), training=True).numpy() for _ in range(calls)]
    return [output > 0 for output in outputs]


def correlation(a, b):
    return abs(np.corrcoef(a.ravel().astype(float), b.ravel().astype(float))[0, 1])


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_keeps_the_right_share_of_each_row_and_each_position(rate):
    (mask,) = masks(rate=rate)
    deviation = np.sqrt(rate * (1 - rate))
    assert abs(mask.mean() - (1 - rate)) < 4 * deviation / np.sqrt(mask.size)
    assert np.abs(mask.mean(0) - (1 - rate)).max() < 5 * deviation / np.sqrt(ROWS)
    assert np.abs(mask.mean(1) - (1 - rate)).max() < 5 * deviation / np.sqrt(WIDTH)


def test_neighbouring_positions_and_rows_are_independent():
    (mask,) = masks(rate=0.5)
    bound = 5 / np.sqrt(mask.size)
    for shift in (1, 2, 3, 4, 8, 16, 64):
        assert correlation(mask[:, shift:], mask[:, :-shift]) < bound
    for shift in (1, 2, 4, 32):
        assert correlation(mask[shift:], mask[:-shift]) < bound * 2


def test_no_two_rows_have_shifted_copies_of_one_mask():
    (mask,) = masks(rate=0.5)
    signs = np.where(mask, 1.0, -1.0)
    spectra = np.fft.rfft(signs, 2 * WIDTH)
    for first in range(0, ROWS, 7):
        others = np.delete(spectra, first, 0) * spectra[first].conj()
        overlap = np.abs(np.fft.irfft(others, axis=1)).max() / WIDTH
        assert overlap < 0.2  # a copy shifted by less than half a row would give more than 0.5


@pytest.mark.parametrize("other", [dict(step=2), dict(seed=2), dict(first_row=ROWS)])
def test_other_steps_seeds_and_rows_are_independent(other):
    (mask,), (changed,) = masks(rate=0.5), masks(rate=0.5, **other)
    assert correlation(mask, changed) < 5 / np.sqrt(mask.size)


def test_calls_within_one_scope_are_independent():
    first, second, third = masks(rate=0.5, calls=3)
    for a, b in ((first, second), (second, third), (first, third)):
        assert correlation(a, b) < 5 / np.sqrt(a.size)


def test_the_same_arguments_give_the_same_masks():
    for a, b in zip(masks(calls=2), masks(calls=2), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_slice_of_the_batch_gets_a_slice_of_the_masks():
    for whole, part in zip(masks(calls=2), masks(first_row=2, rows=3, calls=2), strict=True):
        np.testing.assert_array_equal(part, whole[2:5])


def test_the_mask_of_an_inner_scope_leaves_the_outer_ones_alone():
    layer, ones = Dropout(0.5), tf.ones((2, 50))
    with dropout_scope(1, 1):
        layer(ones, training=True)
        with dropout_scope(9, 9):
            layer(ones, training=True)
        after = layer(ones, training=True).numpy() > 0
    np.testing.assert_array_equal(after, masks(rows=2, width=50, rate=0.5, calls=2)[1])


def test_what_is_kept_is_scaled_so_that_the_mean_stays():
    layer = Dropout(0.2)
    with dropout_scope(0, 0):
        output = layer(3.0 * tf.ones((100, 1000)), training=True).numpy()
    np.testing.assert_allclose(np.unique(output), [0.0, 3.0 / 0.8], rtol=1e-6)
    assert output.mean() == pytest.approx(3.0, rel=0.01)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_graphs_and_xla_give_the_masks_of_eager_mode(jit_compile):
    layer = Dropout(0.4)

    @tf.function(jit_compile=jit_compile, autograph=False)
    def run(x, step, first_row):
        with dropout_scope(5, step, first_row):
            return layer(x, training=True), layer(x, training=True)

    x = tf.random.stateless_normal((4, 3, 17), (1, 2))
    for step in (0, 7):
        with dropout_scope(5, step, 3):
            expected = layer(x, training=True), layer(x, training=True)
        received = run(x, tf.constant(step, tf.int64), tf.constant(3))
        for a, b in zip(expected, received, strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-6)


def test_the_gradient_has_the_mask_of_the_forward_pass():
    layer, x = Dropout(0.5), tf.ones((8, 40))
    with dropout_scope(3, 4), tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, training=True)
    np.testing.assert_array_equal(tape.gradient(y, x).numpy(), y.numpy())


@pytest.mark.parametrize("training, rate", [(False, 0.5), (True, 0.0)])
def test_nothing_is_dropped_outside_training_or_at_rate_zero(training, rate):
    x = tf.random.stateless_normal((3, 5), (1, 2))
    with dropout_scope(0, 0):
        np.testing.assert_array_equal(Dropout(rate)(x, training=training).numpy(), x.numpy())


def test_outside_a_scope_each_call_differs_and_a_seed_repeats_them():
    x = tf.ones((4, 100))
    layer, again = Dropout(0.5, seed=7), Dropout(0.5, seed=7)
    first, second = layer(x, training=True).numpy(), layer(x, training=True).numpy()
    assert (first != second).mean() > 0.3
    np.testing.assert_array_equal(again(x, training=True).numpy(), first)
    np.testing.assert_array_equal(again(x, training=True).numpy(), second)


def test_half_precision_inputs_keep_their_dtype():
    layer = Dropout(0.5, dtype="mixed_bfloat16")
    with dropout_scope(1, 1):
        output = layer(tf.ones((2, 8), tf.bfloat16), training=True)
    assert output.dtype == tf.bfloat16


def test_the_config_makes_an_equal_layer():
    layer = Dropout(0.25, seed=3, name="some_dropout")
    again = keras.layers.deserialize(keras.layers.serialize(layer))
    assert (again.rate, again.seed, again.name) == (0.25, 3, "some_dropout")


@pytest.mark.parametrize("rate", [-0.1, 1.0, "half", True, float("nan")])
def test_a_rate_out_of_range_is_refused(rate):
    with pytest.raises(UserError, match="dropout"):
        Dropout(rate)
