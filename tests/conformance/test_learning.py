"""Every registered model learns a source whose entropy is known, through the real training loop."""

import math
import random

import pytest

import lm_zoo
from lm_zoo.config import (
    CorpusConfig,
    DataConfig,
    EvaluationConfig,
    ExperimentConfig,
    ModelConfig,
    OptimizerConfig,
    ScheduleConfig,
    TaskConfig,
    TokenizerConfig,
    TrainingConfig,
)
from lm_zoo.data.corpora import load_corpus
from lm_zoo.data.corpora.artificial.synthetic import SyntheticSource
from tests.conformance.models import ROWS, TINY, TINY_PAIR_MODELS, carries_state
from tests.data.likelihood import nats_of

RIGHT, LENGTH, SYMBOLS, ENCODED = 0.8, 4, "abcdef", "uvwxyz"


def test_every_registered_model_learns_here():
    assert set(TINY) | set(TINY_PAIR_MODELS) == set(ROWS)


@pytest.mark.parametrize("name", TINY)
def test_perplexity_reaches_the_entropy_of_the_synthetic_source(name, tmp_path):
    recurrent = carries_state(name)
    config = ExperimentConfig(
        task=TaskConfig(
            "language_modeling",
            layout="contiguous" if recurrent else "windows",
            sequence_length=16,
            sample_length=0,
            evaluation_sequence_length=0 if not recurrent else 64,
        ),
        corpus=CorpusConfig("synthetic", tokens=100_000, vocab_size=6),
        data=DataConfig(batch_size=16, cache_dir=str(tmp_path / "cache")),
        model=ModelConfig(name, **TINY[name]),
        optimizer=OptimizerConfig(name="adam", learning_rate=0.02),
        schedule=ScheduleConfig(name="cosine", warmup_steps=10, final_factor=0.02),
        training=TrainingConfig(steps=400, validation_interval=400),
        evaluation=EvaluationConfig(batch_size=16),
    )
    result = lm_zoo.train(config, tmp_path / "run")
    assert result.reason == "finished" and result.step == 400
    ledger = lm_zoo.load(tmp_path / "run").evaluate("test", batch_size=16)
    source = SyntheticSource(config.corpus.vocab_size, seed=0)
    # What the source itself needs for this sample of 5,000 symbols, 1 to 2 % off its entropy rate.
    text = load_corpus(config.corpus, config.data.cache_dir).splits["test"]
    optimum = nats_of(source, text).mean()
    assert optimum == pytest.approx(source.entropy_rate, rel=0.03)
    assert 0.995 * optimum < ledger.loss < 1.02 * optimum


@pytest.mark.parametrize("name", TINY_PAIR_MODELS)
def test_loss_reaches_the_entropy_of_a_noisy_channel(name, tmp_path):
    """Each symbol of a source arrives as its own code, or in 1 of 5 cases as another's."""
    pairs = list(_through_the_channel(3000, random.Random(0)))
    for file, lines in zip(("all.source", "all.target"), zip(*pairs)):
        (tmp_path / file).write_text("\n".join(lines) + "\n")
    config = ExperimentConfig(
        task=TaskConfig("translation", sample_translations=0),
        corpus=CorpusConfig(
            "text_pairs",
            data_dir=str(tmp_path),
            train_files=("all.source",),
            train_target_files=("all.target",),
        ),
        tokenizer=TokenizerConfig("character"),
        data=DataConfig(batch_size=32, cache_dir=str(tmp_path / "cache")),
        model=ModelConfig(name, **TINY_PAIR_MODELS[name]),
        optimizer=OptimizerConfig(name="adam", learning_rate=0.01),
        schedule=ScheduleConfig(name="cosine", warmup_steps=20, final_factor=0.02),
        training=TrainingConfig(steps=400, validation_interval=400),
        evaluation=EvaluationConfig(batch_size=150),
    )
    lm_zoo.train(config, tmp_path / "run")
    run = lm_zoo.load(tmp_path / "run")
    optimum = sum(_surprisal(*pair) for pair in run.records("test"))
    optimum /= len(run.records("test")) * (LENGTH + 1)  # the end that is always there costs nothing
    assert 0.98 * optimum < run.evaluate("test").loss < 1.05 * optimum


def _through_the_channel(number, rng):
    """Yields so many `(source, target)` strings."""
    for _ in range(number):
        source = rng.choices(range(len(SYMBOLS)), k=LENGTH)
        target = [
            symbol
            if rng.random() < RIGHT
            else (symbol + rng.randrange(1, len(SYMBOLS))) % len(SYMBOLS)
            for symbol in source
        ]
        yield "".join(SYMBOLS[each] for each in source), "".join(ENCODED[each] for each in target)


def _surprisal(source, target):
    """What the channel itself needs for a target given its source, in nats."""
    wrong = (1 - RIGHT) / (len(SYMBOLS) - 1)
    pairs = zip(source, target, strict=True)
    right = [SYMBOLS.index(one) == ENCODED.index(other) for one, other in pairs]
    return -sum(math.log(RIGHT if each else wrong) for each in right)
