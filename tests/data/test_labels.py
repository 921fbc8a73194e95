"""Labels as tokens: one a label, the same ids wherever they are made, and no label unheard of."""

import json

import numpy as np
import pytest

from lm_zoo.config import ExperimentConfig
from lm_zoo.data.batching.bucketed_batches import BucketedBatches
from lm_zoo.data.corpora.corpus import RecordCorpus
from lm_zoo.data.examples import (
    load_preprocessors,
    prepared_examples,
    prepared_preprocessors,
    save_preprocessors,
)
from lm_zoo.data.fields import Field
from lm_zoo.data.labels import MAX_LABELS, LabelTokenizer, load_labels
from lm_zoo.errors import UserError
from lm_zoo.text.tokenizers import TOKENIZERS, load_tokenizer

FIELDS = (Field("text"), Field("label", "label"))
RECORDS = [("so good", "positive"), ("so bad", "negative"), ("a film", " positive ")]


def corpus_of(train=tuple(RECORDS), validation=(), test=()):
    splits = {"train": list(train), "validation": list(validation), "test": list(test)}
    return RecordCorpus("reviews", splits, "this test", "none", ("text", "label"))


def config_of(cache):
    config = ExperimentConfig()
    config.data.cache_dir, config.tokenizer.name = str(cache), "character"
    return config


def test_each_label_is_one_token_and_the_end_is_0():
    tokenizer = LabelTokenizer.train(["b", "a ", "b\n", "c d"])
    assert tokenizer.labels == ("a", "b", "c d") and tokenizer.num_labels == 3
    assert (tokenizer.vocab_size, tokenizer.end_id) == (4, 0)
    ids, counts = tokenizer.encode_batch(["b", " c d", "a"])
    assert ids.tolist() == [2, 3, 1] and counts.tolist() == [1, 1, 1] and ids.dtype == np.int32
    assert [tokenizer.encode(label).tolist() for label in tokenizer.labels] == [[1], [2], [3]]
    assert [tokenizer.decode([i]) for i in range(4)] == ["", "a", "b", "c d"]
    assert tokenizer.token_text(0) == "<end>"
    assert LabelTokenizer.train(["c d", "b", "a"]).fingerprint == tokenizer.fingerprint


def test_it_is_no_tokenizer_of_texts_and_is_saved_as_data(tmp_path):
    tokenizer = LabelTokenizer.train(["ja", "nein", "日照"])
    tokenizer.save(tmp_path)
    loaded = load_labels(tmp_path)
    assert loaded.labels == tokenizer.labels and loaded.fingerprint == tokenizer.fingerprint
    assert LabelTokenizer.name not in TOKENIZERS
    with pytest.raises(UserError, match="is of kind 'label', expected one of: bpe"):
        load_tokenizer(tmp_path)
    path = tmp_path / "lm_zoo_tokenizer.json"
    values = json.loads(path.read_text())
    path.write_text(json.dumps(values | {"format_version": 99}))
    with pytest.raises(UserError, match="has format version 99"):
        load_labels(tmp_path)
    for labels in (["nein", "ja"], ["ja", "ja"], [], [1], [" ja"]):
        path.write_text(json.dumps(values | {"content": {"labels": labels}}))
        with pytest.raises(UserError, match="damaged or was altered"):
            load_labels(tmp_path)


def test_an_unknown_label_is_named_with_the_nearest_and_the_known_ones():
    tokenizer = LabelTokenizer.train(["positive", "negative", "1"])
    with pytest.raises(UserError) as caught:
        tokenizer.encode("postive")
    assert str(caught.value) == (
        "label: 'postive' is not a label in the training split. Did you mean 'positive'? Expected "
        "one of: '1', 'negative', 'positive'."
    )
    many = LabelTokenizer.train(map(str, range(100)))
    with pytest.raises(UserError, match="and 80 more"):
        many.encode("x")
    with pytest.raises(UserError, match="at most 10,000 different labels"):
        LabelTokenizer.train(map(str, range(MAX_LABELS + 1)))


def test_texts_and_labels_become_batches(tmp_path):
    config, corpus = config_of(tmp_path), corpus_of(test=[("bad", "negative")])
    preprocessors = prepared_preprocessors(config, corpus, FIELDS)
    assert preprocessors["label"].labels == ("negative", "positive")
    examples = prepared_examples(config, corpus, preprocessors)
    split = examples.split("train")
    batches = BucketedBatches(split.fields, by=("text",), batch_size=3)
    features = batches.batch(0).features
    found = [
        (
            preprocessors["text"].decode(ids[: length - 1]).strip(),
            preprocessors["label"].decode(label[:1]),
        )
        for ids, length, label in zip(features["text"], features["text_lengths"], features["label"])
    ]
    assert sorted(found) == sorted((text, label.strip()) for text, label in RECORDS)
    assert features["label"].shape == (3, 2) and set(features["label_lengths"].tolist()) == {2}
    save_preprocessors(FIELDS, preprocessors, lambda name: tmp_path / name)
    loaded = load_preprocessors(FIELDS, lambda name: tmp_path / name)
    assert {n: t.fingerprint for n, t in loaded.items()} == {
        n: t.fingerprint for n, t in preprocessors.items()
    }
    again = prepared_preprocessors(config, corpus, FIELDS)
    assert again["label"].labels == preprocessors["label"].labels


@pytest.mark.parametrize("split", ["validation", "test"])
def test_a_label_that_is_not_trained_on_is_refused_before_training(split, tmp_path):
    config, corpus = config_of(tmp_path), corpus_of(**{split: [("meh", "neutral")]})
    preprocessors = prepared_preprocessors(config, corpus, FIELDS)
    with pytest.raises(UserError, match="label: 'neutral' is not a label in the training split"):
        prepared_examples(config, corpus, preprocessors)
