"""Tiny Shakespeare by characters, Transformer 4 layers, 4 heads, 128 wide: nanoGPT's CPU recipe.

    lm-zoo train --config=shakespeare_transformer_4x128 --workdir=runs/shakespeare_4x128

The text is fetched; --data_dir=FOLDER reads a folder that has its input.txt.
Training takes about three minutes by the clock on two CPU cores; validation loss 1.905 nats per
character (seeds 1 and 2: 1.903 and 1.911). Published (nanoGPT's README): 1.88, estimated on 20
random batches. nanoGPT itself, run beside ours and scored like ours, on the last 10 % of the text
by windows of 64: 1.893, 1.899.
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
        name="shakespeare_transformer_4x128",
        task=TaskConfig(
            "language_modeling",
            layout="windows",
            window_stride=1,
            sequence_length=64,
            evaluation_stride=64,
        ),
        corpus=CorpusConfig("tiny_shakespeare"),
        data=DataConfig(batch_size=12),
        tokenizer=TokenizerConfig(name="character"),
        model=ModelConfig("transformer_decoder", size="tiny", use_bias=False),
        optimizer=OptimizerConfig(
            name="adamw", learning_rate=1e-3, beta2=0.99, weight_decay=0.1, clip_norm=1.0
        ),
        schedule=ScheduleConfig(name="cosine", warmup_steps=100, final_factor=0.1),
        training=TrainingConfig(steps=2000, validation_interval=250),
        evaluation=EvaluationConfig(batch_size=64),
    )
