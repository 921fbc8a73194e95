"""One step: what the update is made of, and that how it is divided does not matter."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from lm_zoo.config import (
    PRECISIONS,
    DataConfig,
    ExperimentConfig,
    ModelConfig,
    OptimizerConfig,
    TaskConfig,
)
from lm_zoo.model_tensors import model_tensors
from lm_zoo.models.gru_lm import GRULM
from lm_zoo.registry import build_model
from tests.small import text_batch, text_step

VOCAB = 11
MODELS = {
    "lstm_lm": {"hidden_dim": 8, "num_layers": 2, "tie_embeddings": True},
    "transformer_decoder": {  # one layer is traced faster
        "hidden_dim": 8,
        "num_layers": 1,
        "num_heads": 2,
        "context_length": 8,
    },
}


def make_step(model="lstm_lm", dropout=0.0, micro_batches=1, precision="float32", **optimizer):
    config = ExperimentConfig(
        seed=3,
        task=TaskConfig("language_modeling", sequence_length=5),
        data=DataConfig(batch_size=4),
        model=ModelConfig(model),
        optimizer=OptimizerConfig(**({"name": "adam", "learning_rate": 0.01} | optimizer)),
    )
    config.runtime.micro_batches = micro_batches
    config.training.precision = precision
    if model == "transformer_decoder":
        config.task.layout = "windows"
    built = build_model(
        model,
        vocab_size=VOCAB,
        seed=1,
        dropout=dropout,
        dtype=PRECISIONS[precision],
        **MODELS[model],
    )
    return text_step(built, config)


def make_batches(count, seed=0):
    """Batches with repeated tokens and with padding that is uneven over the rows."""
    rng = np.random.default_rng(seed)
    batches = []
    for step in range(count):
        tokens = rng.integers(0, 4, size=(4, 6)).astype(np.int32)
        weights = np.ones((4, 5), np.float32)
        weights[0, 2:], weights[3, :] = 0, 0
        batches.append(text_batch(tokens[:, :-1], tokens[:, 1:], weights, reset=step == 0))
    return batches


def parameters(step):
    return {k: v.numpy() for k, v in model_tensors(step.model).items() if "seed" not in k}


def train(step, batches, rate=0.01):
    for number, batch in enumerate(batches):
        step(number, rate, batch)
    return parameters(step)


def assert_close(found, expected, tolerance):
    for name in expected:
        np.testing.assert_allclose(
            found[name], expected[name], atol=tolerance, rtol=0, err_msg=name
        )


@functools.cache
def trained_in_parts(model, micro_batches):
    """Dropout on, clipping that bites, padding uneven between the parts, carried state."""
    settings = {"model": model, "dropout": 0.3, "clip_norm": 0.05}
    return train(make_step(micro_batches=micro_batches, **settings), make_batches(8))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("micro_batches", [2, 4])
def test_gradient_accumulation_changes_nothing(model, micro_batches):
    assert_close(trained_in_parts(model, micro_batches), trained_in_parts(model, 1), 2e-5)


def dense_gradients(step, batch):
    """The gradient of the mean over tokens, per parameter name, without anything of the trainer."""
    with tf.GradientTape() as tape:
        logits = step.model(batch.features["token_ids"])
        nll = tf.nn.sparse_softmax_cross_entropy_with_logits(batch.features["targets"], logits)
        mean = tf.reduce_sum(nll * batch.features["weights"]) / batch.features["weights"].sum()
    variables = step.model.trainable_variables
    names = ["model/" + v.path.split("/", 1)[-1] for v in variables]
    return float(mean), {
        name: tf.convert_to_tensor(g).numpy()
        for name, g in zip(names, tape.gradient(mean, variables))
    }


def test_sgd_update_is_the_clipped_gradient_of_the_mean_over_tokens():
    step, batch = make_step(name="sgd", clip_norm=0.05), make_batches(1)[0]
    before = parameters(step)
    mean, gradients = dense_gradients(step, batch)
    norm = np.sqrt(sum((g.astype(np.float64) ** 2).sum() for g in gradients.values()))
    assert norm > 0.05, "clipping must bite for this test"
    after = train(step, [batch], rate=0.5)
    for name, gradient in gradients.items():
        expected = before[name] - 0.5 * gradient * 0.05 / norm
        np.testing.assert_allclose(after[name], expected, atol=1e-6, err_msg=name)
    sums = step.take_sums()
    assert sums["tokens"] == batch.features["weights"].sum()
    np.testing.assert_allclose(sums["nll"] / sums["tokens"], mean, rtol=1e-6)
    np.testing.assert_allclose(sums["gradient_norm"], norm, rtol=1e-5)


class WithHead(GRULM):
    """Predicts by a fixed matrix, so that its own output layer takes no part in the loss."""

    def logits(self, features):
        rng = np.random.default_rng(0)
        return tf.matmul(features, tf.constant(rng.normal(size=(8, VOCAB)), features.dtype))


@pytest.mark.parametrize("micro_batches", [1, 2])
def test_a_weight_outside_the_loss_stays_and_the_others_move(micro_batches):
    model = WithHead(VOCAB, hidden_dim=8, num_layers=1, seed=1)
    model.build((None, None))
    config = ExperimentConfig(data=DataConfig(batch_size=4))
    config.optimizer = OptimizerConfig(name="adam", clip_norm=0.05)
    config.runtime.micro_batches = micro_batches
    step = text_step(model, config)
    before, after = parameters(step), train(step, make_batches(3))
    stayed = {name for name in before if (before[name] == after[name]).all()}
    assert stayed == {"model/output_projection/kernel", "model/output_projection/bias"}
    assert np.isfinite(step.take_sums()["gradient_norm"])


def test_adam_sums_the_gradients_of_a_token_that_occurs_often():
    """Keras' Adam on sparse embedding gradients keeps only one of a token's occurrences."""
    step, batch = make_step(clip_norm=0.0), make_batches(1)[0]
    _, gradients = dense_gradients(step, batch)
    train(step, [batch])
    name = next(n for n in gradients if "embedding" in n)
    first_moments = [
        v.numpy() for v in step.optimizer.variables if v.path.endswith("embeddings_momentum")
    ]
    assert len(first_moments) == 1
    np.testing.assert_allclose(first_moments[0], 0.1 * gradients[name], rtol=1e-4, atol=1e-8)


def test_state_is_carried_to_the_next_batch_and_reset_at_the_next_epoch():
    step = make_step()
    first, second = make_batches(2)
    step(0, 0.0, first)
    carried = [t.numpy() for t in tf.nest.flatten(step.carried)]
    _, expected = step.model.forward(first.features["token_ids"], step.model.initial_state(4))
    for found, wanted in zip(carried, tf.nest.flatten(expected)):
        np.testing.assert_allclose(found, wanted, atol=1e-6)
    step(1, 0.0, second._replace(reset=True))
    _, expected = step.model.forward(second.features["token_ids"], step.model.initial_state(4))
    for found, wanted in zip(tf.nest.flatten(step.carried), tf.nest.flatten(expected)):
        np.testing.assert_allclose(found, wanted, atol=1e-6)


@pytest.mark.parametrize("model", MODELS)
def test_going_on_from_saved_tensors_is_bit_identical(model):
    settings = {"model": model, "dropout": 0.3, "ema_decay": 0.9}
    batches = make_batches(6)
    through = make_step(**settings)
    expected = train(through, batches)
    first, second = make_step(**settings), make_step(**settings)
    train(first, batches[:3])
    second.restore({name: v.numpy() for name, v in first.tensors().items()})
    for number, batch in enumerate(batches[3:], 3):
        second(number, 0.01, batch)
    assert_close(parameters(second), expected, 0)
    for name, value in through.tensors().items():
        if "seed" not in name:
            np.testing.assert_array_equal(second.tensors()[name], value, err_msg=name)
    sums = through.take_sums()
    assert sums["steps"] == len(batches) and second.take_sums() == sums


def test_dropout_differs_between_steps_and_seeds():
    batch = make_batches(1)[0]

    def losses(seed, numbers):
        step, found = make_step(dropout=0.5), []
        step.config.seed = seed
        for number in numbers:  # at a rate of 0, from the same parameters and the zero state
            step(number, 0.0, batch)
            found.append(step.take_sums()["nll"])
        return found

    first, second = losses(3, [0, 1])
    assert losses(3, [1, 0]) == [second, first]
    (other,) = losses(4, [0])
    assert len({first, second, other}) == 3


def test_moving_average_of_the_parameters():
    step = make_step(ema_decay=0.75)
    name = next(iter(parameters(step)))
    values = [parameters(step)[name]]
    for number, batch in enumerate(make_batches(3)):
        step(number, 0.05, batch)
        values.append(parameters(step)[name])
    expected = values[0]
    for value in values[1:]:
        expected = 0.75 * expected + 0.25 * value
    np.testing.assert_allclose(step.ema[0], expected, rtol=1e-5, atol=1e-7)


@functools.cache
def losses_of(model, precision):
    step, found = make_step(model=model, precision=precision), []
    for number, batch in enumerate(make_batches(1) * 30):
        step(number, 0.02, batch)
        sums = step.take_sums()
        assert not sums["skipped"]
        found.append(sums["nll"] / sums["tokens"])
    return found


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
@pytest.mark.parametrize("model", MODELS)
def test_mixed_precision_learns_what_float32_learns(model, precision):
    exact, mixed = losses_of(model, "float32"), losses_of(model, precision)
    assert exact[-1] < 0.6 * exact[0]
    np.testing.assert_allclose(mixed, exact, atol=0.12)


def test_an_overflow_in_float16_skips_the_update_and_halves_the_scale():
    step, batch = make_step(precision="float16"), make_batches(1)[0]
    step.loss_scale.assign(2.0**40)
    before = parameters(step)
    step(0, 0.01, batch)
    assert float(step.loss_scale) == 2.0**39
    assert_close(parameters(step), before, 0)
    assert step.take_sums()["skipped"] == 1
    step.loss_scale.assign(2.0**10)
    step(1, 0.01, batch)
    assert step.take_sums()["skipped"] == 0
    changed = parameters(step)
    assert any(np.any(changed[name] != before[name]) for name in before)


@pytest.mark.parametrize("model", MODELS)
def test_compiled_with_xla_it_learns_the_same(model):
    batches = make_batches(4)
    plain = train(make_step(model=model, dropout=0.3), batches)
    compiled = make_step(model=model, dropout=0.3)
    compiled.config.runtime.jit_compile = True
    compiled = text_step(compiled.model, compiled.config)
    assert_close(train(compiled, batches), plain, 2e-5)


@pytest.mark.parametrize("name", ["rnn_lm", "gru_lm", "lstm_lm"])
def test_an_overflow_on_the_way_to_the_loss_leaves_nothing_in_the_state(name):
    """The row that overflows goes on from where it was; after a second time, from the start."""
    config = ExperimentConfig(
        task=TaskConfig("language_modeling", sequence_length=5),
        data=DataConfig(batch_size=4),
        model=ModelConfig(name),
    )
    config.training.precision = "float16"
    model = build_model(
        name, vocab_size=VOCAB, seed=1, hidden_dim=8, num_layers=1, dtype="mixed_float16"
    )
    table = model.token_embedding.embeddings
    table.assign(tf.tensor_scatter_nd_update(table.value, [[10]], [[1e6] * 8]))  # beyond float16
    step, (first, good) = text_step(model, config), make_batches(2)
    ids = np.where(np.arange(4)[:, None] == 2, 10, good.features["token_ids"])
    bad = good._replace(features=good.features | {"token_ids": ids})

    def state():
        return [t.numpy() for t in tf.nest.flatten(step.carried)]

    step(0, 0.01, first)
    step.take_sums()
    before, learned = state(), parameters(step)
    _, whole = model.forward(good.features["token_ids"], step.carried)
    step(1, 0.02, bad)
    for found, old, new in zip(state(), before, tf.nest.flatten(whole)):
        np.testing.assert_array_equal(found[2], old[2])
        others = [0, 1, 3]
        np.testing.assert_allclose(found[others], new.numpy()[others], atol=2e-3)
    assert_close(parameters(step), learned, 0)
    sums = step.take_sums()
    assert (sums["skipped"], sums["steps"], sums["tokens"], sums["nll"]) == (1, 1, 0, 0)
    assert float(step.optimizer.learning_rate.numpy()) == pytest.approx(0.02)
    step(2, 0.01, bad)
    assert all(not value[2].any() and np.isfinite(value).all() for value in state())
    step.take_sums()
    step(3, 0.01, good)
    sums = step.take_sums()
    assert sums["skipped"] == 0 and sums["tokens"] == good.features["weights"].sum()
    assert np.isfinite(sums["nll"]) and np.isfinite(state()).all()
