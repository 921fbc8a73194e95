"""LSTM on the language reference that every Python carries; the quickstart's first model.

lm-zoo train --config=quickstart_lstm --workdir=runs/quickstart_lstm
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
        name="quickstart_lstm",
        task=TaskConfig(
            "language_modeling",
            layout="contiguous",
            sequence_length=64,
            evaluation_sequence_length=128,
        ),
        corpus=CorpusConfig("python_reference"),
        data=DataConfig(batch_size=32),
        tokenizer=TokenizerConfig(name="bpe", vocab_size=1024),
        model=ModelConfig("lstm_lm", hidden_dim=256, embedding_dim=128, num_layers=1, dropout=0.2),
        optimizer=OptimizerConfig(name="adam", learning_rate=4e-3, clip_norm=1.0),
        schedule=ScheduleConfig(name="cosine", warmup_steps=50, final_factor=0.05),
        training=TrainingConfig(steps=600, validation_interval=200),
        evaluation=EvaluationConfig(batch_size=4),
    )
