"""Penn Treebank, Elman network with 300 hidden units, after Mikolov's RNNLM.

    lm-zoo train --config=ptb_rnn_mikolov --workdir=runs/ptb_rnn_mikolov

The text is fetched; --data_dir=FOLDER reads a folder that has ptb.{train,valid,test}.txt.
Published: perplexity 124.7 test. Mikolov trains on single words with a rate halved once validation
stalls; the batches and the rate here are ours.
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
        name="ptb_rnn_mikolov",
        task=TaskConfig(
            "language_modeling",
            layout="contiguous",
            sequence_length=20,
            evaluation_sequence_length=100,
        ),
        corpus=CorpusConfig("ptb"),
        data=DataConfig(batch_size=20),
        tokenizer=TokenizerConfig(name="word"),
        model=ModelConfig("rnn_lm", size="mikolov_300"),
        optimizer=OptimizerConfig(name="sgd", learning_rate=5.0, clip_norm=0.25),
        schedule=ScheduleConfig(name="plateau", decay_factor=0.5),
        training=TrainingConfig(epochs=20, early_stopping_patience=4, log_interval=50),
        evaluation=EvaluationConfig(batch_size=10),
    )
