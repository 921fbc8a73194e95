"""Each optimizer against its published update rule in numpy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from lm_zoo.config import OptimizerConfig
from lm_zoo.training.optimizers import build_optimizer

STEPS = 6


def run_ours(config, start, gradients):
    variable = keras.Variable(start, name="kernel")
    optimizer = build_optimizer(config, [variable])
    for gradient in gradients:
        optimizer.apply([tf.constant(gradient)], [variable])
    return variable.numpy()


def sgd(x, g, t, c, s):
    return x - c.learning_rate * g - c.learning_rate * c.weight_decay * x


def momentum(x, g, t, c, s):
    s["m"] = c.momentum * s.get("m", 0) - c.learning_rate * g
    return x + s["m"]


def adam(x, g, t, c, s):
    s["m"] = c.beta1 * s.get("m", 0) + (1 - c.beta1) * g
    s["v"] = c.beta2 * s.get("v", 0) + (1 - c.beta2) * g * g
    rate = c.learning_rate * np.sqrt(1 - c.beta2**t) / (1 - c.beta1**t)
    decayed = x - c.learning_rate * c.weight_decay * x
    return decayed - rate * s["m"] / (np.sqrt(s["v"]) + c.epsilon)


def lion(x, g, t, c, s):
    m = s.get("m", np.zeros_like(x))
    s["m"] = c.beta2 * m + (1 - c.beta2) * g
    return x - c.learning_rate * np.sign(c.beta1 * m + (1 - c.beta1) * g)


@pytest.mark.parametrize(
    "config, rule",
    [
        (OptimizerConfig(name="sgd", learning_rate=0.3, weight_decay=0.1), sgd),
        (OptimizerConfig(name="momentum", learning_rate=0.1, momentum=0.8), momentum),
        (OptimizerConfig(name="adam", learning_rate=0.05), adam),
        (OptimizerConfig(name="adamw", learning_rate=0.05, beta2=0.99, weight_decay=0.2), adam),
        (OptimizerConfig(name="lion", learning_rate=0.01, beta1=0.9, beta2=0.99), lion),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_updates_follow_the_published_rule(config, rule):
    rng = np.random.default_rng(1)
    start = rng.normal(size=(4, 3)).astype(np.float32)
    gradients = rng.normal(size=(STEPS, 4, 3)).astype(np.float32)
    expected, state = start.astype(np.float64), {}
    for t, gradient in enumerate(gradients, 1):
        expected = rule(expected, gradient.astype(np.float64), t, config, state)
    np.testing.assert_allclose(run_ours(config, start, gradients), expected, rtol=1e-5, atol=1e-6)


def test_adafactor_uses_our_learning_rate():
    """Twice the rate makes a step twice as long; with Adafactor's own schedule it would not."""
    start, gradient = np.ones((4, 3), np.float32), np.full((1, 4, 3), 0.5, np.float32)
    steps = [
        start - run_ours(OptimizerConfig(name="adafactor", learning_rate=rate), start, gradient)
        for rate in (1e-3, 2e-3)
    ]
    assert np.all(steps[0] > 0)
    np.testing.assert_allclose(steps[1], 2 * steps[0], rtol=1e-3)


def test_weight_decay_leaves_biases_and_gains_alone():
    kernel = keras.Variable(np.ones((2, 2), np.float32), name="kernel")
    bias = keras.Variable(np.ones(2, np.float32), name="bias")
    config = OptimizerConfig(name="adamw", learning_rate=0.1, weight_decay=0.5)
    optimizer = build_optimizer(config, [kernel, bias])
    optimizer.apply([tf.zeros((2, 2)), tf.zeros(2)], [kernel, bias])
    np.testing.assert_allclose(kernel.numpy(), 0.95, rtol=1e-6)
    np.testing.assert_array_equal(bias.numpy(), 1.0)
