"""WMT 2014 English to German: the base Transformer of Vaswani et al. 2017, with its schedule.

    lm-zoo train --config=wmt14_transformer_base --workdir=runs/wmt14_base

Not run: 100,000 steps of 25,000 tokens a side need several GPUs. Published: BLEU 27.3 by the mean
of the last 5 checkpoints and 4 beams:

    lm-zoo evaluate --workdir=runs/wmt14_base --checkpoint=average:5 --num_beams=4
"""

from lm_zoo.config import (
    CorpusConfig,
    EvaluationConfig,
    ExperimentConfig,
    ModelConfig,
    OptimizerConfig,
    ScheduleConfig,
    TaskConfig,
    TokenizerConfig,
    TrainingConfig,
)

WARMUP_STEPS = 4000


def get_config():
    return ExperimentConfig(
        name="wmt14_transformer_base",
        task=TaskConfig(
            "translation", batch_tokens=25_000, too_long="drop", label_smoothing=0.1, bleu_pairs=500
        ),
        corpus=CorpusConfig("wmt14", source_language="en", target_language="de"),
        tokenizer=TokenizerConfig(name="bpe", vocab_size=37_000),
        model=ModelConfig("encoder_decoder", size="transformer_base"),
        optimizer=OptimizerConfig(
            name="adam",
            learning_rate=(512 * WARMUP_STEPS) ** -0.5,  # the paper's rate at the end of warm-up
            beta2=0.98,
            epsilon=1e-9,
            clip_norm=0.0,
        ),
        schedule=ScheduleConfig(name="inverse_sqrt", warmup_steps=WARMUP_STEPS),
        training=TrainingConfig(steps=100_000, validation_interval=1500, keep_checkpoints=5),
        evaluation=EvaluationConfig(batch_size=64),
    )
