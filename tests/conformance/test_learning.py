"""Every registered model learns a source whose entropy is known, through the real training loop."""

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
    TrainingConfig,
)
from lm_zoo.data.corpora import load_corpus
from lm_zoo.data.corpora.synthetic import SyntheticSource
from tests.conformance.models import TINY


@pytest.mark.parametrize("name", TINY)
def test_perplexity_reaches_the_entropy_of_the_synthetic_source(name, tmp_path):
    recurrent = name != "transformer_decoder"
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
    optimum = source.negative_log_likelihood(text).mean()
    assert optimum == pytest.approx(source.entropy_rate, rel=0.03)
    assert 0.995 * optimum < ledger.loss < 1.02 * optimum
