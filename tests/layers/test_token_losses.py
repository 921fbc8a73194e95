"""The loss against numpy and Keras, and what makes it safe to divide over parts."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from lm_zoo.layers.token_losses import row_losses


def numpy_nll(logits, targets):
    logits = logits.astype(np.float64)
    shifted = logits - logits.max(-1, keepdims=True)
    log_probs = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return -np.take_along_axis(log_probs, targets[..., None], -1)[..., 0]


def example(rng=np.random.default_rng(0)):
    logits = rng.normal(size=(6, 5, 11)).astype(np.float32) * 3
    targets = rng.integers(0, 11, size=(6, 5))
    weights = (rng.random((6, 5)) < 0.6).astype(np.float32)
    return logits, targets, weights


def test_sum_and_count_agree_with_numpy():
    logits, targets, weights = example()
    objective, nats, tokens = row_losses(tf.constant(logits), targets, weights)
    np.testing.assert_array_equal(tokens, weights.sum(1))
    assert objective is nats
    np.testing.assert_allclose(nats, (numpy_nll(logits, targets) * weights).sum(1), rtol=1e-6)


def test_rows_do_not_hang_on_each_other():
    logits, targets, weights = example()
    whole = row_losses(logits, targets, weights, 0.1)
    parts = [row_losses(logits[c], targets[c], weights[c], 0.1) for c in np.s_[:1, 1:3, 3:]]
    for i in range(3):
        np.testing.assert_allclose(np.concatenate([p[i] for p in parts]), whole[i], rtol=1e-6)


def test_what_padding_has_counts_nothing():
    logits, targets, weights = example()
    logits[weights == 0] = np.nan
    for found in row_losses(logits, targets, weights, 0.1)[1:]:
        assert np.isfinite(found).all()


def test_half_precision_logits_are_summed_in_float32():
    logits, targets, weights = example()
    _, nats, _ = row_losses(tf.cast(logits, tf.float16), targets, weights)
    assert nats.dtype == tf.float32


def numpy_smoothed(logits, targets, smoothing):
    """Cross entropy to 1 - smoothing of the target and `smoothing` of the uniform distribution."""
    classes = [np.full_like(targets, c) for c in range(logits.shape[-1])]
    uniform = np.mean([numpy_nll(logits, c) for c in classes], axis=0)
    return (1 - smoothing) * numpy_nll(logits, targets) + smoothing * uniform


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_label_smoothing_agrees_with_numpy_and_keras(smoothing):
    logits, targets, weights = example()
    objective, nats, tokens = row_losses(tf.constant(logits), targets, weights, smoothing)
    expected = (numpy_smoothed(logits, targets, smoothing) * weights).sum(1)
    np.testing.assert_allclose(objective, expected, rtol=1e-6)
    keras_loss = keras.losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=smoothing, reduction=None
    )
    one_hot = tf.one_hot(targets, logits.shape[-1])
    np.testing.assert_allclose(
        objective, np.sum(keras_loss(one_hot, logits) * weights, 1), rtol=1e-6
    )
    np.testing.assert_allclose(nats, (numpy_nll(logits, targets) * weights).sum(1), rtol=1e-6)
    np.testing.assert_array_equal(tokens, weights.sum(1))


def test_the_gradient_of_label_smoothing_is_softmax_less_the_smoothed_targets():
    logits, targets, weights = example()
    smoothing, size = 0.2, logits.shape[-1]
    variable = tf.Variable(logits)
    with tf.GradientTape() as tape:
        objective, _, _ = row_losses(variable, targets, weights, smoothing)
    gradient = tape.gradient(objective, variable)
    wanted = np.eye(size)[targets] * (1 - smoothing) + smoothing / size
    probabilities = np.exp(logits - logits.max(-1, keepdims=True))
    probabilities /= probabilities.sum(-1, keepdims=True)
    np.testing.assert_allclose(
        gradient, (probabilities - wanted) * weights[..., None], rtol=1e-5, atol=1e-6
    )


def test_label_smoothing_of_huge_and_half_precision_logits_is_finite_and_right():
    logits, targets, weights = example()
    logits = (logits * 1000).astype(np.float16)
    objective, _, _ = row_losses(tf.constant(logits), targets, weights, 0.1)
    expected = (numpy_smoothed(logits, targets, 0.1) * weights).sum(1)
    assert objective.dtype == tf.float32
    np.testing.assert_allclose(objective, expected, rtol=1e-5)
