"""The recurrent layers agree with keras.layers and with a loop written in numpy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from lm_zoo.errors import UserError
from lm_zoo.layers.recurrence.elman import Elman
from lm_zoo.layers.recurrence.gru import GRU
from lm_zoo.layers.recurrence.lstm import LSTM

BATCH, LENGTH, INPUT, HIDDEN = 3, 6, 5, 4
CASES = {
    "tanh": (Elman, dict(), keras.layers.SimpleRNN, dict(activation="tanh")),
    "relu": (Elman, dict(activation="relu"), keras.layers.SimpleRNN, dict(activation="relu")),
    "gru": (GRU, dict(), keras.layers.GRU, dict()),
    "lstm": (LSTM, dict(), keras.layers.LSTM, dict()),
}


def draw(shape, seed, scale=0.7):
    return tf.constant(scale * np.random.default_rng(seed).standard_normal(shape), tf.float32)


def make(case, dtype=None, input_dim=INPUT):
    """Returns a layer whose every weight, biases included, is drawn from a normal distribution."""
    cls, arguments, _, _ = CASES[case]
    layer = cls(HIDDEN, dtype=dtype, **arguments)
    layer.build((None, None, input_dim))
    layer.set_weights([draw(w.shape, i) for i, w in enumerate(layer.weights)])
    return layer


def start(case, batch=BATCH):
    state = tuple(draw((batch, HIDDEN), 20 + i) for i in range(2 if case == "lstm" else 1))
    return state if case == "lstm" else state[0]


def flat(structure):
    return tf.nest.flatten(structure)


@pytest.mark.parametrize("case", CASES)
def test_outputs_states_and_gradients_equal_those_of_keras(case):
    layer, (_, _, theirs, arguments) = make(case), CASES[case]
    reference = theirs(HIDDEN, return_sequences=True, return_state=True, **arguments)
    reference.build((None, None, INPUT))
    reference.set_weights(layer.get_weights())
    x, state = draw((BATCH, LENGTH, INPUT), 10), start(case)

    def run(call, variables):
        with tf.GradientTape() as tape:
            tape.watch([x, *flat(state)])
            outputs, final = call()
            # Every output has a weight of its own, so that no gradient can hide behind another.
            loss = sum(tf.reduce_sum(draw(t.shape, 30) * t) for t in (outputs, *flat(final)))
        gradients = tape.gradient(loss, [x, *flat(state), *variables])
        return outputs, flat(final), gradients

    def call_reference():
        outputs, *final = reference(x, initial_state=list(flat(state)))
        return outputs, final

    received = run(lambda: layer(x, state), [v.value for v in layer.weights])
    expected = run(call_reference, [v.value for v in reference.weights])
    for a, b in zip(flat(received), flat(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def step_in_numpy(case, x, state, kernel, recurrent, bias):
    """One step of the published equations in float64."""
    if case in ("tanh", "relu"):
        total = x @ kernel + state[0] @ recurrent + bias
        return (np.tanh(total) if case == "tanh" else np.maximum(total, 0),)
    if case == "gru":
        xz, xr, xn = np.split(x @ kernel + bias[0], 3, -1)
        hz, hr, hn = np.split(state[0] @ recurrent + bias[1], 3, -1)
        update = sigmoid(xz + hz)
        candidate = np.tanh(xn + sigmoid(xr + hr) * hn)
        return (update * state[0] + (1 - update) * candidate,)
    i, f, g, o = np.split(x @ kernel + state[0] @ recurrent + bias, 4, -1)
    cell = sigmoid(f) * state[1] + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(cell), cell


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("batch, length", [(1, 1), (2, 3), (4, 9)])
def test_outputs_equal_a_loop_in_numpy(case, batch, length):
    layer, x, state = make(case), draw((batch, length, INPUT), 11), start(case, batch)
    weights = [w.astype(np.float64) for w in layer.get_weights()]
    here, expected = [s.numpy().astype(np.float64) for s in flat(state)], []
    for t in range(length):
        here = step_in_numpy(case, x.numpy()[:, t], here, *weights)
        expected.append(here[0])
    outputs, final = layer(x, state)
    np.testing.assert_allclose(outputs, np.stack(expected, 1), atol=1e-5)
    for a, b in zip(flat(final), here, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_graphs_of_unknown_shape_and_xla_agree_with_eager_mode(case):
    layer, x, state = make(case), draw((BATCH, LENGTH, INPUT), 12), start(case)

    def run(x, state):
        with tf.GradientTape() as tape:
            outputs, final = layer(x, state)
            loss = tf.reduce_sum(outputs**2) + sum(tf.reduce_sum(s**2) for s in flat(final))
        return outputs, final, tape.gradient(loss, layer.trainable_variables)

    spec = tf.nest.map_structure(lambda t: tf.TensorSpec((None, HIDDEN)), state)
    unknown = tf.function(
        run, input_signature=[tf.TensorSpec((None, None, INPUT)), spec], autograph=False
    )
    expected = run(x, state)
    for other in (unknown, tf.function(run, jit_compile=True, autograph=False)):
        for a, b in zip(flat(expected), flat(other(x, state)), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_keeps_the_state_in_float32_and_stays_near(case, dtype):
    x, state = draw((BATCH, 20, INPUT), 13), start(case)
    exact, mixed = make(case), make(case, dtype)

    def run(layer):
        with tf.GradientTape() as tape:
            outputs, final = layer(x, state)
            loss = tf.reduce_sum(tf.cast(outputs, tf.float32) ** 2)
        return outputs, final, tape.gradient(loss, layer.trainable_variables)

    outputs, final, gradients = run(mixed)
    exact_outputs, _, exact_gradients = run(exact)
    assert outputs.dtype == mixed.compute_dtype
    assert all(s.dtype == tf.float32 for s in flat(final))
    error = np.abs(tf.cast(outputs, tf.float32) - exact_outputs).max()
    assert 0 < error < 0.1 * np.abs(exact_outputs).max()
    for a, b in zip(gradients, exact_gradients, strict=True):
        assert a.dtype == tf.float32
        assert np.linalg.norm(a - b) < 0.1 * np.linalg.norm(b)


def test_mixed_precision_adds_up_small_contributions_to_the_cell():
    """In bfloat16 a cell of 1 would not grow by 1/512 at all; in 512 steps it should double."""
    layer = LSTM(1, dtype="mixed_bfloat16")
    layer.build((None, None, 1))
    open_gate, value = 20.0, np.arctanh(1 / 512)
    bias = np.array([open_gate, open_gate, value, 0.0])
    layer.set_weights([np.zeros((1, 4)), np.zeros((1, 4)), bias])
    _, (_, cell) = layer(tf.zeros((1, 512, 1)), (tf.zeros((1, 1)), tf.ones((1, 1))))
    assert cell.numpy().item() == pytest.approx(2.0, rel=0.01)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", [None, "mixed_bfloat16"])
def test_a_sequence_may_be_cut_anywhere(case, dtype):
    layer, x, state = make(case, dtype), draw((BATCH, LENGTH, INPUT), 14), start(case)
    whole, final = layer(x, state)
    pieces = []
    for begin, end in ((0, 1), (1, 4), (4, 6)):
        piece, state = layer(x[:, begin:end], state)
        pieces.append(piece)
    for a, b in zip(flat((tf.concat(pieces, 1), state)), flat((whole, final)), strict=True):
        np.testing.assert_allclose(tf.cast(a, tf.float32), tf.cast(b, tf.float32), atol=1e-6)


@pytest.mark.parametrize("case", CASES)
def test_nothing_passes_the_start_of_a_document_not_even_an_infinity(case):
    layer, x = make(case), draw((BATCH, LENGTH, INPUT), 15)
    starts = np.zeros((BATCH, LENGTH), bool)
    starts[:, 3] = True
    endless = tf.nest.map_structure(lambda s: s * np.inf, start(case))
    outputs, final = layer(x, endless, starts)
    alone, alone_final = layer(x[:, 3:], layer.initial_state(BATCH))
    np.testing.assert_allclose(outputs[:, 3:], alone, atol=1e-6)
    for a, b in zip(flat(final), flat(alone_final), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_initial_weights_follow_the_seed_scale_and_forget_bias():
    layer, again = (LSTM(50, init_scale=0.1, forget_bias=2.0, seed=3) for _ in range(2))
    for one in (layer, again):
        one.build((None, None, 40))
    for a, b in zip(layer.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    kernel, recurrent, bias = layer.get_weights()
    assert 0.099 < np.abs(kernel).max() <= 0.1 and 0.099 < np.abs(recurrent).max() <= 0.1
    assert not np.array_equal(kernel[:40], recurrent[:40])
    forget = bias[50:100] - 2.0
    assert np.abs(np.concatenate([bias[:50], bias[100:], forget])).max() <= 0.1 + 1e-6

    default = LSTM(50, seed=3)
    default.build((None, None, 40))
    _, recurrent, bias = default.get_weights()
    np.testing.assert_allclose(recurrent @ recurrent.T, np.eye(50), atol=1e-5)
    np.testing.assert_array_equal(bias, np.repeat([0, 1, 0, 0], 50))


def test_an_unknown_activation_is_refused():
    with pytest.raises(UserError, match="activation.*'tahn'.*'tanh'"):
        Elman(4, activation="tahn")


@pytest.mark.parametrize("with_lengths", [4, 1])
@pytest.mark.parametrize("case", CASES)
def test_padding_after_a_rows_end_changes_nothing(case, with_lengths):
    """States and all gradients are those of each row read alone, up to its own length."""
    layer, x, state = make(case), draw((BATCH, LENGTH, INPUT), 10), start(case)
    lengths = [LENGTH, with_lengths, 2]

    def weighed(outputs, final, row, length):
        parts = [outputs[:, :length], *flat(final)]
        return sum(
            tf.reduce_sum(draw((1, *p.shape[1:]), 30 + i + row) * p) for i, p in enumerate(parts)
        )

    def gradients(compute):
        with tf.GradientTape() as tape:
            watched = [x, *flat(state), *(v.value for v in layer.weights)]
            tape.watch(watched)
            loss = compute()
        return loss, tape.gradient(loss, watched)

    def one_row(structure, row):
        return tf.nest.map_structure(lambda t: t[row : row + 1], structure)

    def together():
        outputs, final = layer(x, state, lengths=tf.constant(lengths))
        return sum(
            weighed(outputs[row : row + 1], one_row(final, row), row, length)
            for row, length in enumerate(lengths)
        )

    def alone():
        return sum(
            weighed(*layer(x[row : row + 1, :length], one_row(state, row)), row=row, length=length)
            for row, length in enumerate(lengths)
        )

    for a, b in zip(flat(gradients(together)), flat(gradients(alone)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
