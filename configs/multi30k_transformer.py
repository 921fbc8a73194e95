"""Multi30k German to English: a small Transformer, as in Ben Trevett's tutorial of 2020.

    lm-zoo train --config=multi30k_transformer --workdir=runs/multi30k_transformer --data_dir=FOLDER

The folder is data/task1/tok of github.com/multi30k/dataset: words in lower case, as Moses'
tokenizer has them. 2,310 steps, which alone take about 11 minutes on two CPU cores
(loading, validation and its translations for BLEU come on top). BLEU of the words as they are on
test 2016: 36.0 greedily, 37.0 with 5 beams. Published (spaCy's words, greedily): 36.5.
"""

from lm_zoo.config import (
    CorpusConfig,
    DataConfig,
    EvaluationConfig,
    ExperimentConfig,
    ModelConfig,
    OptimizerConfig,
    TaskConfig,
    TokenizerConfig,
    TrainingConfig,
)


def get_config():
    words = dict(name="word", min_count=2)
    return ExperimentConfig(
        name="multi30k_transformer",
        task=TaskConfig("translation", attention_pictures=2, bleu_pairs=200),
        corpus=CorpusConfig(
            "text_pairs",
            train_files=("train.lc.norm.tok.de",),
            train_target_files=("train.lc.norm.tok.en",),
            validation_files=("val.lc.norm.tok.de",),
            validation_target_files=("val.lc.norm.tok.en",),
            test_files=("test_2016_flickr.lc.norm.tok.de",),
            test_target_files=("test_2016_flickr.lc.norm.tok.en",),
        ),
        data=DataConfig(batch_size=128),
        tokenizer=TokenizerConfig(**words),
        tokenizers={"source": TokenizerConfig(**words)},
        model=ModelConfig(
            "encoder_decoder",
            size="multi30k_small",
            position="learned",
            normalize_first=False,
            share_embeddings=False,
            tie_embeddings=False,
            context_length=100,
            source_length=100,
        ),
        optimizer=OptimizerConfig(name="adam", learning_rate=5e-4, clip_norm=1.0),
        training=TrainingConfig(epochs=10),
        evaluation=EvaluationConfig(batch_size=64),
    )
