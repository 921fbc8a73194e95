"""Runs in which a figure is not a number: what is shown, what counts as the best, what is kept."""

import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf

from lm_zoo import checkpoints
from lm_zoo.checkpoints.choice import find_checkpoint
from lm_zoo.errors import UserError
from lm_zoo.experiment import Experiment
from lm_zoo.tasks.task import ValidationSummaries
from tests.curves import read_scalars
from tests.training.test_trainer import tiny_config


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return str(tmp_path_factory.mktemp("cache"))


def trainer_of(config, workdir):
    """A trainer of a run that is begun."""
    experiment = Experiment(config, workdir)
    experiment.begin_run()
    return experiment._trainer(None, False)


@pytest.mark.parametrize("best_by", ["loss", "bleu"])
def test_a_first_validation_without_a_figure_is_not_the_best(best_by, cache, tmp_path):
    config = tiny_config(cache, sample_length=0, keep_checkpoints=1)
    trainer = trainer_of(config, tmp_path / "run")
    evaluate, seen = trainer.validate, []

    def validate():
        ledger = evaluate()
        seen.append(ledger.loss)
        first = best_by == "loss" and len(seen) == 1
        return dataclasses.replace(ledger, nll_nats=math.nan) if first else ledger

    bleu = iter([math.nan, 20.0, 10.0])
    if best_by == "bleu":
        trainer.config.training.best_by = "bleu"
        trainer.task.monitors = {"bleu": max}
        trainer.observe = lambda: ValidationSummaries(scalars={"bleu": next(bleu)})
    trainer.validate = validate
    result = trainer.train()
    if best_by == "loss":
        place = int(np.argmin(seen[1:])) + 1
        expected = 4 * (place + 1), seen[place]
    else:
        expected = 8, 20.0
    assert (result.best_step, result.best) == pytest.approx(expected)
    folder = tmp_path / "run" / "checkpoints"
    assert tuple(checkpoints.read_best(folder)) == pytest.approx(expected)
    assert find_checkpoint(folder, "best").step == expected[0]
    assert set(checkpoints.steps(folder)) == {12, expected[0]}


def test_steps_that_all_overflow_have_no_loss_on_the_curve(cache, tmp_path):
    """It was an end with "loss or gradient is not finite" at the first point on the curve."""
    config = tiny_config(cache, steps=60, log_interval=5, sample_length=0, precision="float16")
    config.training.validation_interval = 60
    experiment = Experiment(config, tmp_path / "run")
    table = experiment.model.token_embedding.embeddings
    table.assign(tf.fill(table.shape, 1e6))  # beyond float16
    with pytest.raises(UserError, match="loss scale is not finite at or before step 30"):
        experiment.train()
    curves = tmp_path / "run" / "train"
    scales = read_scalars(curves, "optimizer/loss_scale")
    assert scales == [(step, 2.0 ** (15 - step)) for step in (5, 10, 15, 20, 25)]
    assert [step for step, _ in read_scalars(curves, "optimizer/learning_rate")] == [
        5,
        10,
        15,
        20,
        25,
    ]
    for tag in (
        "metrics/loss",
        "metrics/perplexity",
        "metrics_other/bits_per_byte",
        "optimizer/gradient_norm",
    ):
        assert read_scalars(curves, tag) == []


def test_checkpoints_name_the_one_before(cache, tmp_path):
    """Also after a stop: an average is one of checkpoints that followed one another."""
    config = tiny_config(cache, keep_checkpoints=3, sample_length=0)
    folder = tmp_path / "run" / "checkpoints"
    Experiment(config, tmp_path / "run").train()
    data = next(checkpoints.path_of(folder, 12).glob("tensors.data*"))
    data.write_bytes(data.read_bytes()[:-100])
    Experiment(config, tmp_path / "run").train()
    found = [checkpoints.load(checkpoints.path_of(folder, step)) for step in (4, 8, 12)]
    assert [checkpoint.metadata["previous"] for checkpoint in found] == [None, 4, 8]
    mean = find_checkpoint(folder, "average:3")
    assert mean.step == 12
    name = next(name for name in mean.tensors if name.endswith("embeddings"))
    expected = np.mean([checkpoint.tensors[name] for checkpoint in found], axis=0)
    np.testing.assert_allclose(mean.tensors[name], expected, rtol=1e-6)
