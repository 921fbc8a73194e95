"""Each optimizer against its published update rule in numpy."""

import dataclasses
import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from lm_zoo.config import (
    OPTIMIZERS,
    DataConfig,
    ExperimentConfig,
    ModelConfig,
    OptimizerConfig,
    TaskConfig,
)
from lm_zoo.registry import build_model
from lm_zoo.training.optimizers import build_optimizer
from tests.small import text_batch, text_step

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
    moved = x - c.learning_rate * np.sign(c.beta1 * m + (1 - c.beta1) * g)
    return moved - c.learning_rate * c.weight_decay * x


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


def adafactor(x, g, t, c, s):
    """Algorithms 4 and 5 of Shazeer and Stern 2018, line by line."""
    share, squares = t**-0.8, g**2 + 1e-30
    if x.ndim < 2:
        s["v"] = (1 - share) * s.get("v", 0) + share * squares
        v = s["v"]
    else:
        s["r"] = (1 - share) * s.get("r", 0) + share * squares.sum(1)
        s["c"] = (1 - share) * s.get("c", 0) + share * squares.sum(0)
        v = np.outer(s["r"], s["c"]) / s["r"].sum()
    u = g / np.sqrt(v)
    u = u / max(1, np.sqrt(np.mean(u**2)))
    x = x - c.learning_rate * c.weight_decay * x
    return x - c.learning_rate * max(1e-3, np.sqrt(np.mean(x**2))) * u


RULES = {
    "sgd": sgd,
    "momentum": momentum,
    "adam": adam,
    "adamw": adam,
    "adafactor": adafactor,
    "lion": lion,
}


def test_every_optimizer_has_its_rule_here():
    assert set(RULES) == set(OPTIMIZERS)


@pytest.mark.parametrize("shape", [(4, 3), (5,)])
def test_adafactor_follows_the_paper_from_the_start(shape):
    rng = np.random.default_rng(3)
    start = rng.normal(size=shape).astype(np.float32)
    gradients = (rng.normal(size=(STEPS, *shape)) * rng.choice([0.1, 10], shape)).astype(np.float32)
    config = OptimizerConfig(name="adafactor", learning_rate=0.3)
    expected, state = start.astype(np.float64), {}
    for t, gradient in enumerate(gradients, 1):
        expected = adafactor(expected, gradient.astype(np.float64), t, config, state)
    np.testing.assert_allclose(run_ours(config, start, gradients), expected, rtol=1e-5, atol=1e-6)


@functools.cache
def train_step(name):
    """A step as the trainer makes it, of a small model, with weight decay where the rule has it."""
    decay = 0.0 if name == "momentum" else 0.2
    config = ExperimentConfig(
        task=TaskConfig("language_modeling", sequence_length=4, layout="windows"),
        data=DataConfig(batch_size=2),
        model=ModelConfig("rnn_lm"),
        optimizer=OptimizerConfig(name=name, beta2=0.99, weight_decay=decay, clip_norm=0.0),
    )
    model = build_model("rnn_lm", vocab_size=5, hidden_dim=3, num_layers=1, seed=1)
    return text_step(model, config)


BATCH = text_batch(
    np.array([[0, 1, 2, 3], [1, 1, 4, 0]], np.int32),
    np.array([[1, 2, 3, 4], [1, 4, 0, 2]], np.int32),
    np.ones((2, 4), np.float32),
    False,
)
# The name of each of Keras' and our slots in the rules above.
SLOTS = {"momentum": "m", "velocity": "v"}


def gradients_of(model):
    with tf.GradientTape() as tape:
        nll = tf.nn.sparse_softmax_cross_entropy_with_logits(
            BATCH.features["targets"], model(BATCH.features["token_ids"])
        )
        mean = tf.reduce_mean(nll)
    return [np.asarray(g, np.float64) for g in tape.gradient(mean, model.trainable_variables)]


def draw_state(step, rng):
    """Puts a state as after many steps into the optimizer; returns it for each variable."""
    states = []
    for index, variable in enumerate(step.model.trainable_variables):
        if step.config.optimizer.name == "adafactor":
            moments = step.optimizer._moments[index]
            names = ["v"] if len(moments) == 1 else ["r", "c"]
        else:
            end = variable.path.replace("/", "_")
            moments = [
                slot
                for slot in step.optimizer.variables
                if slot.path.endswith(tuple(f"{end}_{kind}" for kind in SLOTS))
            ]
            names = [SLOTS[slot.path.rsplit("_", 1)[-1]] for slot in moments]
        state = {}
        for name, slot in zip(names, moments, strict=True):
            value = rng.uniform(0.01, 1, slot.shape).astype(np.float32) * 0.01
            slot.assign(value)
            # The paper sums over rows and columns, where the slots hold means.
            count = {"r": variable.shape[-1], "c": variable.shape[0]}.get(name, 1)
            state[name] = value.astype(np.float64) * count
        states.append(state)
    return states


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("t", [1, 10, 1_000, 20_000])
def test_the_rate_shown_is_the_rate_used_early_and_late(name, t):
    """The counter is set as if the steps before had been made."""
    step, rng = train_step(name), np.random.default_rng(t)
    states = draw_state(step, rng)
    step.optimizer.iterations.assign(t - 1)
    before = [v.numpy().astype(np.float64) for v in step.model.trainable_variables]
    gradients = gradients_of(step.model)
    step(t - 1, 0.1, BATCH)
    shown = float(step.optimizer.learning_rate.numpy())
    assert shown == pytest.approx(0.1)
    assert int(step.optimizer.iterations.numpy()) == t
    optimizer = step.config.optimizer
    for variable, x, g, state in zip(
        step.model.trainable_variables, before, gradients, states, strict=True
    ):
        decay = optimizer.weight_decay if x.ndim > 1 else 0.0
        config = dataclasses.replace(optimizer, learning_rate=shown, weight_decay=decay)
        expected = RULES[name](x, g, t, config, state) - x
        found = variable.numpy() - x
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=2e-6, err_msg=variable.path)


def test_weight_decay_leaves_biases_and_gains_alone():
    kernel = keras.Variable(np.ones((2, 2), np.float32), name="kernel")
    bias = keras.Variable(np.ones(2, np.float32), name="bias")
    config = OptimizerConfig(name="adamw", learning_rate=0.1, weight_decay=0.5)
    optimizer = build_optimizer(config, [kernel, bias])
    optimizer.apply([tf.zeros((2, 2)), tf.zeros(2)], [kernel, bias])
    np.testing.assert_allclose(kernel.numpy(), 0.95, rtol=1e-6)
    np.testing.assert_array_equal(bias.numpy(), 1.0)
