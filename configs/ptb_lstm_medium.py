"""Penn Treebank, LSTM 2x650 of Zaremba et al. 2014 ("medium").

    lm-zoo train --config=ptb_lstm_medium --workdir=runs/ptb_lstm_medium

The text is fetched; --data_dir=FOLDER reads a folder that has ptb.{train,valid,test}.txt.
Published: perplexity 86.2 validation, 82.7 test.
Zaremba sums the loss over the steps of a row where we average over tokens, so our learning rate is
his times sequence_length, and our clipping norm is his divided by it.
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
        name="ptb_lstm_medium",
        task=TaskConfig(
            "language_modeling",
            layout="contiguous",
            sequence_length=35,
            evaluation_sequence_length=100,
        ),
        corpus=CorpusConfig("ptb"),
        data=DataConfig(batch_size=20),
        tokenizer=TokenizerConfig(name="word"),
        model=ModelConfig("lstm_lm", size="zaremba_medium"),
        optimizer=OptimizerConfig(name="sgd", learning_rate=35.0, clip_norm=5.0 / 35),
        schedule=ScheduleConfig(name="epoch_decay", decay_start_epoch=6, decay_factor=1 / 1.2),
        training=TrainingConfig(epochs=39, log_interval=50),
        evaluation=EvaluationConfig(batch_size=10),
    )
