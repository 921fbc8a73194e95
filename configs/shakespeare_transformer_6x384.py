"""Tiny Shakespeare by characters, Transformer 6 layers, 6 heads, 384 wide: nanoGPT's GPU recipe.

    lm-zoo train --config=shakespeare_transformer_6x384 --workdir=runs/shakespeare_6x384

The text is fetched; --data_dir=FOLDER reads a folder that has its input.txt.
Published (nanoGPT's README): best validation loss 1.4697 nats per character in 5,000 steps. Minutes
on a GPU, most of a day on two CPU cores; not run to its end by us yet.
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
        name="shakespeare_transformer_6x384",
        task=TaskConfig(
            "language_modeling",
            layout="windows",
            window_stride=1,
            sequence_length=256,
            evaluation_stride=256,
        ),
        corpus=CorpusConfig("tiny_shakespeare"),
        data=DataConfig(batch_size=64),
        tokenizer=TokenizerConfig(name="character"),
        model=ModelConfig("transformer_decoder", size="nano", use_bias=False, dropout=0.2),
        optimizer=OptimizerConfig(
            name="adamw", learning_rate=1e-3, beta2=0.99, weight_decay=0.1, clip_norm=1.0
        ),
        schedule=ScheduleConfig(name="cosine", warmup_steps=100, final_factor=0.1),
        training=TrainingConfig(steps=5000, validation_interval=250),
        evaluation=EvaluationConfig(batch_size=16),
    )
