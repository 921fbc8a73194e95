#!/usr/bin/env python3
"""Sets language models with a head beside TF-IDF and logistic regression, on labelled texts.

    python tools/benchmark_classification.py --sst2=FOLDER --waimai=FOLDER

FOLDER of SST-2 holds stsa.binary.train, .dev and .test (a label and a sentence a line); that of the
Chinese reviews waimai_10k.csv (label, review), of which a tenth each is held out by the hash of the
review. Prints a table: accuracy and macro F1 on the test split, and the seconds that the processors
worked at training, of all models in one run. scikit-learn (the `test` extra) makes the baseline:
word uni- and bigrams of SST-2, character uni- to trigrams of the reviews.
"""

import argparse
import pathlib
import tempfile
import time

import lm_zoo
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
from lm_zoo.data.corpora import load_corpus

MODELS = {
    "lstm_lm": {"hidden_dim": 128, "num_layers": 1, "dropout": 0.5},
    "gru_lm": {"hidden_dim": 128, "num_layers": 1, "dropout": 0.5},
    "transformer_decoder": {
        "hidden_dim": 128,
        "num_layers": 2,
        "num_heads": 4,
        "context_length": 256,
        "dropout": 0.3,
    },
}


def sst2(folder):
    return CorpusConfig(
        "records",
        data_dir=folder,
        train_files=("stsa.binary.train",),
        validation_files=("stsa.binary.dev",),
        test_files=("stsa.binary.test",),
        fields=("label=1", "text=2"),
        encoding="latin-1",
    )


def waimai(folder):
    return CorpusConfig(
        "records",
        data_dir=folder,
        train_files=("waimai_10k.csv",),
        fields=("text=review", "label=label"),
        split_by="document_hash",
        validation_fraction=0.1,
        test_fraction=0.1,
    )


SETS = {"sst2": (sst2, "word", 6), "waimai": (waimai, "character", 4)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in SETS:
        parser.add_argument(f"--{name}")
    arguments = parser.parse_args()
    print(f"{'set':8} {'model':22} {'accuracy':>8} {'macro F1':>8} {'CPU s':>8}")
    for name, (corpus_of, tokenizer, epochs) in SETS.items():
        folder = getattr(arguments, name)
        if folder:
            corpus = corpus_of(str(pathlib.Path(folder).resolve()))
            show(name, "TF-IDF, log. regression", *baseline(corpus, tokenizer))
            for model, settings in MODELS.items():
                config = config_of(corpus, tokenizer, epochs, ModelConfig(model, **settings))
                show(name, model, *trained(config))


def show(name, model, accuracy, f1, seconds):
    print(f"{name:8} {model:22} {accuracy:8.4f} {f1:8.4f} {seconds:8.1f}", flush=True)


def baseline(corpus, tokenizer):
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import accuracy_score, f1_score
    from sklearn.pipeline import make_pipeline

    loaded = load_corpus(corpus)
    place = {field: loaded.fields.index(field) for field in ("text", "label")}

    def columns(split):
        records = list(loaded.records(split))
        return [[r[place["text"]] for r in records], [r[place["label"]] for r in records]]

    words = {"token_pattern": r"\S+", "ngram_range": (1, 2)}
    kind = words if tokenizer == "word" else {"analyzer": "char", "ngram_range": (1, 3)}
    started = time.process_time()
    pipeline = make_pipeline(
        TfidfVectorizer(sublinear_tf=True, **kind), LogisticRegression(C=10, max_iter=1000)
    )
    pipeline.fit(*columns("train"))
    seconds = time.process_time() - started
    texts, labels = columns("test")
    found = pipeline.predict(texts)
    return accuracy_score(labels, found), f1_score(labels, found, average="macro"), seconds


def config_of(corpus, tokenizer, epochs, model):
    return ExperimentConfig(
        task=TaskConfig("text_classification", dropout=0.5, too_long="truncate"),
        corpus=corpus,
        data=DataConfig(batch_size=64),
        tokenizer=TokenizerConfig(tokenizer, min_count=2),
        model=model,
        optimizer=OptimizerConfig(learning_rate=2e-3 if "lm" in model.name else 1e-3),
        training=TrainingConfig(epochs=epochs, best_by="accuracy", log_interval=1000),
        evaluation=EvaluationConfig(batch_size=128),
    )


def trained(config):
    with tempfile.TemporaryDirectory() as folder:
        started = time.process_time()
        lm_zoo.train(config, f"{folder}/run")
        seconds = time.process_time() - started
        figures = lm_zoo.load(f"{folder}/run").evaluate("test").figures
    return figures["accuracy"], figures["macro_f1"], seconds


if __name__ == "__main__":
    main()
