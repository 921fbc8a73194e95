"""Multi30k German to English: a GRU that reads both ways, and one that writes with attention.

    lm-zoo train --config=multi30k_recurrent --workdir=runs/multi30k_recurrent

1,848 steps; the whole run takes 14.5 minutes on two CPU cores, of which the steps alone are 8: the
others are loading, validation, and its translations for BLEU. BLEU on test 2016 (sacrebleu's
default): 36.73 greedily, 37.51 with 5 beams; in lower case 36.94 and 37.72.
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
        name="multi30k_recurrent",
        task=TaskConfig("translation", label_smoothing=0.1, attention_pictures=2, bleu_pairs=200),
        corpus=CorpusConfig("multi30k"),
        data=DataConfig(batch_size=128),
        tokenizer=TokenizerConfig(name="bpe", vocab_size=6000),
        model=ModelConfig(
            "recurrent_encoder_decoder",
            size="multi30k_small",
            share_embeddings=True,
            tie_embeddings=True,
        ),
        optimizer=OptimizerConfig(
            name="adam", learning_rate=2e-3, beta2=0.98, clip_norm=1.0, ema_decay=0.998
        ),
        schedule=ScheduleConfig(name="cosine", warmup_steps=200, final_factor=0.02),
        training=TrainingConfig(epochs=8),
        evaluation=EvaluationConfig(batch_size=64),
    )
