"""Every registered model learns a source whose entropy is known, through the real training loop."""

import pytest

import lm_zoo
from lm_zoo.config import (
    DataConfig,
    EvaluationConfig,
    ExperimentConfig,
    ModelConfig,
    OptimizerConfig,
    ScheduleConfig,
    TrainingConfig,
)
from lm_zoo.data.corpora.synthetic import SyntheticSource
from tests.conformance.models import TINY


@pytest.mark.parametrize("name", TINY)
def test_perplexity_reaches_the_entropy_of_the_synthetic_source(name, tmp_path):
    recurrent = name != "transformer_decoder"
    config = ExperimentConfig(
        data=DataConfig(
            corpus="synthetic",
            synthetic_tokens=60_000,
            synthetic_vocab_size=6,
            layout="contiguous" if recurrent else "windows",
            batch_size=16,
            sequence_length=16 if recurrent else 24,
            cache_dir=str(tmp_path / "cache"),
        ),
        model=ModelConfig(name, **TINY[name]),
        optimizer=OptimizerConfig(name="adam", learning_rate=0.01),
        schedule=ScheduleConfig(name="cosine", warmup_steps=10, final_factor=0.02),
        training=TrainingConfig(steps=220, validation_interval=220, sample_length=0),
        evaluation=EvaluationConfig(batch_size=16, sequence_length=0 if not recurrent else 64),
    )
    result = lm_zoo.train(config, tmp_path / "run")
    assert result.reason == "finished" and result.step == 220
    ledger = lm_zoo.load(tmp_path / "run").evaluate("test", batch_size=16)
    entropy = SyntheticSource(config.data.synthetic_vocab_size, seed=0).entropy_rate
    assert ledger.loss == pytest.approx(entropy, rel=0.02)
