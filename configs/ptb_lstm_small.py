"""Penn Treebank, LSTM 2x200 of Zaremba et al. 2014 ("small").

    lm-zoo train --config=ptb_lstm_small --workdir=runs/ptb_lstm_small

The text is fetched; --data_dir=FOLDER reads a folder that has ptb.{train,valid,test}.txt.
Published: perplexity 121.4 validation, 115.9 test (TensorFlow's tutorial); 114.5 test (paper).
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
        name="ptb_lstm_small",
        task=TaskConfig(
            "language_modeling",
            layout="contiguous",
            sequence_length=20,
            evaluation_sequence_length=100,
        ),
        corpus=CorpusConfig("ptb"),
        data=DataConfig(batch_size=20),
        tokenizer=TokenizerConfig(name="word"),
        model=ModelConfig("lstm_lm", size="zaremba_small"),
        optimizer=OptimizerConfig(name="sgd", learning_rate=20.0, clip_norm=5.0 / 20),
        schedule=ScheduleConfig(name="epoch_decay", decay_start_epoch=4, decay_factor=0.5),
        training=TrainingConfig(epochs=13, log_interval=50),
        evaluation=EvaluationConfig(batch_size=10),
    )
