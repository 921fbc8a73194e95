"""Transformer decoder on the language reference that every Python carries; the quickstart's second.

lm-zoo train --config=quickstart_transformer --workdir=runs/quickstart_transformer
"""

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


def get_config():
    return ExperimentConfig(
        name="quickstart_transformer",
        task=TaskConfig(
            "language_modeling", layout="windows", window_stride=1, sequence_length=128
        ),
        corpus=CorpusConfig("python_reference"),
        data=DataConfig(batch_size=16),
        tokenizer=TokenizerConfig(name="bpe", vocab_size=1024),
        model=ModelConfig(
            "transformer_decoder",
            hidden_dim=128,
            num_layers=4,
            num_heads=4,
            context_length=128,
            # Llama's form of it: on so short a run far ahead of GPT-2's, which learns positions.
            position="rope",
            normalization="rms_norm",
            feed_forward="swiglu",
            use_bias=False,
            dropout=0.1,
        ),
        optimizer=OptimizerConfig(
            name="adamw", learning_rate=4e-3, beta2=0.99, weight_decay=0.1, clip_norm=1.0
        ),
        schedule=ScheduleConfig(name="cosine", warmup_steps=50, final_factor=0.1),
        training=TrainingConfig(steps=350, validation_interval=175),
        evaluation=EvaluationConfig(batch_size=16),
    )
