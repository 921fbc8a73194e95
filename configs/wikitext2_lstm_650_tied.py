"""WikiText-2 by words, LSTM 2x650 with tied embeddings: PyTorch's word_language_model.

    lm-zoo train --config=wikitext2_lstm_650_tied --workdir=runs/wikitext2_lstm_650_tied

The text is fetched; --data_dir=FOLDER reads a folder that has wiki.{train,valid,test}.tokens or
{train,valid,test}.txt.
Published: test perplexity 86.7 after 40 epochs.
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
        name="wikitext2_lstm_650_tied",
        task=TaskConfig(
            "language_modeling",
            layout="contiguous",
            sequence_length=35,
            evaluation_sequence_length=100,
        ),
        corpus=CorpusConfig("wikitext2"),
        data=DataConfig(batch_size=20),
        tokenizer=TokenizerConfig(name="word"),
        model=ModelConfig(
            "lstm_lm",
            hidden_dim=650,
            num_layers=2,
            dropout=0.5,
            tie_embeddings=True,
            init_scale=0.1,
        ),
        optimizer=OptimizerConfig(name="sgd", learning_rate=20.0, clip_norm=0.25),
        schedule=ScheduleConfig(name="plateau", decay_factor=0.25),
        training=TrainingConfig(epochs=40, log_interval=50),
        evaluation=EvaluationConfig(batch_size=10),
    )
