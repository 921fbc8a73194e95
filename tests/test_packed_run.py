"""A run on packed documents from its config to its ledger: trained, stopped, resumed, measured."""

import json

import numpy as np
import pytest

import lm_zoo
from lm_zoo import checkpoints
from lm_zoo.config import (
    CorpusConfig,
    DataConfig,
    ExperimentConfig,
    ModelConfig,
    OptimizerConfig,
    TaskConfig,
    TokenizerConfig,
    TrainingConfig,
)
from lm_zoo.data.batching.packing import pack_documents
from lm_zoo.experiment import Experiment
from tests.conformance.models import TINY

LINES = [f"{a} {b} and {b} {a}{' again' * (i % 4)}" for i in range(6) for a in "xyz" for b in "uvw"]
MODELS = {  # one layer is traced faster
    name: TINY[name] | {"num_layers": 1} for name in ("lstm_lm", "transformer_decoder")
}


def config(tmp_path, model, steps=20, **task):
    text = tmp_path / "lines.txt"
    text.write_text("\n".join(LINES) + "\n")
    return ExperimentConfig(
        task=TaskConfig(
            "language_modeling", layout="packed", sequence_length=16, sample_length=0, **task
        ),
        corpus=CorpusConfig(
            "text_files",
            train_files=(str(text),),
            documents="line",
            validation_fraction=0.2,
            test_fraction=0.1,
        ),
        data=DataConfig(batch_size=4, cache_dir=str(tmp_path / "cache")),
        tokenizer=TokenizerConfig(name="word"),
        model=ModelConfig(model, **MODELS[model]),
        optimizer=OptimizerConfig(name="adam", learning_rate=0.02),
        training=TrainingConfig(steps=steps, validation_interval=10),
    )


@pytest.mark.parametrize("model", MODELS)
def test_a_packed_run_learns_and_says_how_it_was_measured(model, tmp_path):
    settings = config(tmp_path, model)
    experiment = Experiment(settings, tmp_path / "run")
    assert "packed (" in experiment.describe() and "% padding)" in experiment.describe()
    split = experiment.examples.split("train").fields["text"]
    assert experiment.batches.num_examples == pack_documents(split.document_starts, 16).num_windows
    result = experiment.train()
    assert result.reason == "finished"
    run = lm_zoo.load(tmp_path / "run")
    ledger = run.evaluate("test")
    rule = {"rule": "carried"} if model == "lstm_lm" else {"rule": "windows"}
    assert ledger.context.items() >= (rule | {"within_documents": True}).items()
    assert ledger.perplexity < 8 < run.tokenizer.vocab_size
    assert json.loads(json.dumps(ledger.to_dict()))["context"]["within_documents"] is True
    # The same texts one by one, each after its end token, by the code that scores single texts.
    texts = [line for line in experiment.corpus.texts("test")]
    scores = run.score(texts)
    end = run.tokenizer.end_id
    with_ends = ledger.nll_nats + sum(score.log_prob for score in scores)
    assert with_ends > 0  # what is left is the charge for the end tokens
    ids = [np.append(np.append(end, run.tokenizer.encode(text)), end) for text in texts]
    ends = sum(nll_of_last(run.model, one) for one in ids)
    assert with_ends == pytest.approx(ends, rel=1e-3)


def nll_of_last(model, ids):
    logits = np.asarray(model(ids[None, :-1]))[0, -1].astype(np.float64)
    return np.log(np.exp(logits).sum()) - logits[ids[-1]]


def test_across_documents_is_measured_across_documents(tmp_path):
    settings = config(tmp_path, "lstm_lm", steps=3, across_documents=True)
    lm_zoo.train(settings, tmp_path / "run")
    assert lm_zoo.load(tmp_path / "run").evaluate("test").context == {
        "rule": "carried",
        "streams": 1,
    }


def test_a_packed_run_that_was_stopped_ends_with_the_same_bits(tmp_path):
    settings = config(tmp_path, "lstm_lm")
    settings.training.keep_checkpoints = 9
    lm_zoo.train(settings, tmp_path / "whole")
    lm_zoo.train(settings, tmp_path / "stopped")
    folder = tmp_path / "stopped" / "checkpoints"
    expected = checkpoints.load_latest(tmp_path / "whole" / "checkpoints").tensors
    for step in checkpoints.steps(folder):
        if step > 10:
            path = checkpoints.path_of(folder, step)
            for file in sorted(path.rglob("*"), reverse=True):
                file.unlink()
            path.rmdir() if path.is_dir() else path.unlink()
    assert checkpoints.steps(folder)[-1] == 10
    lm_zoo.train(settings, tmp_path / "stopped")
    found = checkpoints.load_latest(folder)
    assert found.step == 20
    for name, value in expected.items():
        np.testing.assert_array_equal(found.tensors[name], value, err_msg=name)
