"""Pairs as token ids: with every tokenizer, a batch holds the texts of its pairs."""

import numpy as np
import pytest

from lm_zoo.config import (
    CorpusConfig,
    DataConfig,
    ExperimentConfig,
    TaskConfig,
    TokenizerConfig,
)
from lm_zoo.data.pair_batches import PairBatches
from lm_zoo.data.pair_tokens import prepared_pair_tokens
from lm_zoo.data.preparation import prepared_corpus, prepared_tokenizers
from lm_zoo.text.tokenizers import TOKENIZERS

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
    corpus = prepared_corpus(made)
    tokenizer, source_tokenizer = prepared_tokenizers(made, corpus)
    assert (source_tokenizer is tokenizer) == (not source_name)
    tokens = prepared_pair_tokens(made, corpus, tokenizer, source_tokenizer)
    pairs = dict(corpus.pairs("train"))
    batches = PairBatches(*tokens.pair_of_splits("train"), batch_size=16)
    seen = []
    for step in range(batches.steps_per_epoch):
        batch = batches.batch(step)
        for row in range(len(batch.inputs)):
            if not batch.source_lengths[row]:
                continue  # it fills up the batch
            source = batch.source_ids[row, : batch.source_lengths[row]]
            length = int(batch.weights[row].sum())
            target = batch.targets[row, :length]
            assert source[-1] == source_tokenizer.end_id and target[-1] == tokenizer.end_id
            assert batch.inputs[row, 0] == tokenizer.end_id
            np.testing.assert_array_equal(batch.inputs[row, 1:length], target[:-1])
            source = source_tokenizer.decode(source[:-1]).strip()
            seen.append(source)
            assert pairs[source] == tokenizer.decode(target[:-1]).strip()
    assert sorted(seen) == sorted(pairs)
