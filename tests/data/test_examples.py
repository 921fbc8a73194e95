"""Records as token ids: with every tokenizer, a batch holds the texts of its records."""

import dataclasses
import hashlib

import pytest

from lm_zoo.config import (
    CorpusConfig,
    DataConfig,
    ExperimentConfig,
    TaskConfig,
    TokenizerConfig,
)
from lm_zoo.data.batching.bucketed_batches import BucketedBatches
from lm_zoo.data.examples import data_record, prepared_examples, prepared_preprocessors
from lm_zoo.data.fields import Field
from lm_zoo.data.preparation import prepared_corpus
from lm_zoo.errors import UserError
from lm_zoo.text.tokenizers import TOKENIZERS

FIELDS = (Field("source", shares="target"), Field("target"))
VOCAB_SIZES = {"bpe": 300, "wordpiece": 90, "sentencepiece_unigram": 330, "sentencepiece_bpe": 330}


def settings(name):
    return TokenizerConfig(name=name, vocab_size=VOCAB_SIZES.get(name, 0))


def config(name, source_name, cache_dir):
    return ExperimentConfig(
        task=TaskConfig("translation"),
        corpus=CorpusConfig(
            "synthetic_translation", pairs=60, validation_fraction=0.1, test_fraction=0.1
        ),
        data=DataConfig(cache_dir=str(cache_dir)),
        tokenizer=settings(name),
        tokenizers={"source": settings(source_name)} if source_name else {},
    )


@pytest.fixture(scope="module")
def cache_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize("source_name", ["", "character"], ids=["joint", "separate"])
@pytest.mark.parametrize("name", TOKENIZERS)
def test_a_batch_holds_both_texts_of_each_pair(name, source_name, cache_dir):
    made = config(name, source_name, cache_dir)
    corpus = prepared_corpus(made, FIELDS)
    preprocessors = prepared_preprocessors(made, corpus, FIELDS)
    source_tokenizer, tokenizer = preprocessors["source"], preprocessors["target"]
    assert (source_tokenizer is tokenizer) == (not source_name)
    examples = prepared_examples(made, corpus, preprocessors)
    pairs = dict(corpus.records("train"))
    split = examples.split("train")
    assert split.num_examples == len(pairs)
    batches = BucketedBatches(split.fields, by=("source", "target"), batch_size=16)
    seen = []
    for step in range(batches.steps_per_epoch):
        features = batches.batch(step).features
        for row, (length, count) in enumerate(
            zip(features["source_lengths"], features["target_lengths"])
        ):
            if not length:
                continue  # it fills up the batch
            source, target = features["source"][row, :length], features["target"][row, :count]
            assert source[-1] == source_tokenizer.end_id and target[-1] == tokenizer.end_id
            source = source_tokenizer.decode(source[:-1]).strip()
            seen.append(source)
            assert pairs[source] == tokenizer.decode(target[:-1]).strip()
    assert sorted(seen) == sorted(pairs)


def test_a_run_keeps_the_checksums_of_each_field(cache_dir):
    made = config("character", "", cache_dir)
    corpus = prepared_corpus(made, FIELDS)
    preprocessors = prepared_preprocessors(made, corpus, FIELDS)
    examples = prepared_examples(made, corpus, preprocessors)
    record = data_record(corpus, preprocessors, examples)
    assert record["examples"] == {"train": 60, "validation": 6, "test": 6}
    for name in ("source", "target"):
        text = corpus.column(name).text("test").encode()
        kept = record["fields"][name]
        assert kept["sha256"]["test"] == hashlib.sha256(text).hexdigest()
        assert kept["sha256"] == {
            split: examples.split(split).text_sha256[name] for split in kept["sha256"]
        }
        assert kept["tokenizer_fingerprint"] == preprocessors[name].fingerprint


def test_fields_of_different_numbers_of_documents_are_refused(cache_dir):
    made = config("character", "", cache_dir)
    corpus = prepared_corpus(made, FIELDS)
    examples = prepared_examples(made, corpus, prepared_preprocessors(made, corpus, FIELDS))
    fields = examples.fields
    other = dict(fields["target"].splits, train=fields["target"].split("test"))
    fields["target"] = dataclasses.replace(fields["target"], splits=other)
    with pytest.raises(UserError, match="in the train split, received 60 of source, 6 of target"):
        examples.split("train")
    assert examples.split("test").num_examples == 6
