"""What inspection counts of sentence pairs is what can be counted by hand."""

import json

import numpy as np
import pytest

from lm_zoo.data.bucketed_batches import BucketedBatches
from lm_zoo.data.corpora.corpus import RecordCorpus
from lm_zoo.data.examples import Examples
from lm_zoo.data.token_files import TokenDataset, TokenSplit
from lm_zoo.inspection.pair_page import pairs_as_page
from lm_zoo.inspection.pair_report import (
    describe_ratio,
    inspect_pairs,
    preview_pair_batch,
)
from lm_zoo.inspection.pair_terminal import pairs_as_text
from lm_zoo.text.tokenizers import TOKENIZERS
from tests.inspection.test_inspection import Page

PAIRS = {
    "train": [
        ("ein hund", "a dog"),
        ("ein", "a <b>thing</b> that is one"),
        ("ein hund", "a dog"),
        ("ein hund", "one hound"),
        ("zwei kleine rote katzen schlafen", "two small red cats sleep well"),
    ],
    "validation": [("ein hund", "a dog"), ("ein vogel", "a bird")],
    "test": [("ein hund", "the dog")],
}


def token_dataset(texts, tokenizer):
    splits = {}
    for name, rows in texts.items():
        ids, starts = [tokenizer.end_id], [0]
        for text in rows:
            ids += [*tokenizer.encode(text), tokenizer.end_id]
            starts.append(len(ids) - 1)
        ids = np.array(ids, np.int32)
        splits[name] = TokenSplit(
            name,
            (ids,),
            num_bytes=sum(len(text.encode()) + 1 for text in rows),
            num_unknown=int((ids == tokenizer.unk_id).sum()),
            document_starts=np.array(starts, np.int64),
        )
    return TokenDataset(None, {}, splits)


@pytest.fixture(scope="module")
def prepared():
    """Corpus, preprocessors and examples."""
    corpus = RecordCorpus("small", PAIRS, "here", "none", ("source", "target"))
    fields, preprocessors = {}, {}
    for place, side in enumerate(("source", "target")):
        texts = {name: [pair[place] for pair in pairs] for name, pairs in PAIRS.items()}
        tokenizer = TOKENIZERS["word"].train([text + "\n" for text in texts["train"]])
        preprocessors[side] = tokenizer
        fields[side] = token_dataset(texts, tokenizer)
    return corpus, preprocessors, Examples(fields)


@pytest.fixture(scope="module")
def report(prepared):
    corpus, preprocessors, examples = prepared
    split = examples.split("train")
    batches = BucketedBatches(split.fields, by=("source", "target"), batch_size=4)
    return inspect_pairs(corpus, preprocessors, split, batches, num_batches=2)


def test_both_sides_are_counted(report):
    assert report["pairs"] == 5 and report["corpus"] == "small"
    source, target = report["sides"]["source"], report["sides"]["target"]
    assert (source["lengths"]["least"], source["lengths"]["most"]) == (2, 6)
    assert (target["lengths"]["least"], target["lengths"]["most"]) == (3, 7)
    assert source["lengths"]["mean"] == np.mean([3, 2, 3, 3, 6])
    assert source["vocabulary"]["frequent"][1]["text"] == "ein"
    assert target["tokens"] == 1 + 3 + 6 + 3 + 3 + 7


def test_ratios_are_of_tokens_with_the_end(report, prepared):
    ratio = report["ratio"]
    expected = sorted([3 / 3, 6 / 2, 3 / 3, 3 / 3, 7 / 6])
    assert ratio["mean"] == pytest.approx(np.mean(expected))
    assert (ratio["least"], ratio["p50"], ratio["most"]) == (1, 1, 3)
    bins = {(low, high): count for low, high, count in ratio["histogram"] if count}
    assert bins == {(1, 5 / 4): 4, (3, 4): 1}
    assert sum(bins.values()) == 5
    fields = prepared[2].split("train").fields
    back = describe_ratio(fields["target"], fields["source"])
    assert back["least"] == pytest.approx(1 / 3) and back["histogram"][2][2] == 1
    assert back["histogram"][-1] == [4.0, None, 0]


def test_duplicates_are_of_pairs_and_of_sources(report):
    pairs, sources = report["duplicates"]["pairs"], report["duplicates"]["sources"]
    assert (pairs["unit"], sources["unit"]) == ("pairs", "sources")
    assert [row["repeats"] for row in pairs["within"]] == [1, 0, 0]
    assert [row["repeats"] for row in sources["within"]] == [2, 0, 0]
    assert [row["shared"] for row in pairs["across"]] == [1, 0, 0]
    assert [row["shared"] for row in sources["across"]] == [1, 1, 1]
    assert pairs["repeated"] == [{"count": 2, "text": "ein hund\na dog"}]


def test_pairs_are_shown_to_their_ends(report, prepared):
    end = prepared[1]["target"].token_text(prepared[1]["target"].end_id)
    first = report["texts"][0]
    assert [token["text"] for token in first["source"]["shown"]] == ["ein", "hund", end]
    assert [token["text"] for token in first["target"]["shown"]] == ["a", "dog", end]
    assert first["target"]["tokens"] == 3 and len(report["texts"]) == 3


def test_a_batch_is_shown_as_it_is(prepared):
    _, preprocessors, examples = prepared
    batches = BucketedBatches(examples.split("train").fields, by=("source", "target"), batch_size=4)
    for step in range(batches.steps_per_epoch):
        features, shown = (
            batches.batch(step).features,
            preview_pair_batch(batches, step, preprocessors),
        )
        assert shown["rows"] == len(features["target"])
        assert shown["filling"] == int((features["source_lengths"] == 0).sum())
        for side in ("source", "target"):
            of_side = shown[side]
            assert of_side["tokens"] == int(features[f"{side}_lengths"].sum())
            assert of_side["tokens"] + of_side["padding"] == shown["rows"] * of_side["length"]
        for number, row in enumerate(shown["shown"]):
            places = row["target"]
            assert [place["id"] for place in row["source"]] == features["source"][number].tolist()
            assert [place["target"] for place in places] == features["target"][number].tolist()
            assert sum(place["weight"] for place in places) == features["target_lengths"][number]
            assert sum(p["weight"] for p in row["source"]) == features["source_lengths"][number]
            inputs = [place["id"] for place in places if place["weight"]]
            end = preprocessors["target"].end_id
            expected = features["target"][number, : len(inputs)].tolist()
            assert inputs == [end, *expected][: len(inputs)]
            assert all(bool(p["text"]) == bool(p["weight"]) for p in row["source"] + places)


def test_the_text_and_the_page_say_it(report):
    text = pairs_as_text(report)
    assert "pairs " in text and "2 batches of 5 pairs" in text
    assert "Pair 0:" in text and "source (3 tokens with the end):" in text
    assert "Target tokens per token of the source" in text
    assert "Exact duplicates: sources in two splits:" in text
    page = pairs_as_page(report)
    parsed = Page(page)
    assert parsed.addresses == ["data:,"] and "<b>thing" not in page and "&lt;b&gt;thing" in page
    assert parsed.tags["svg"] == parsed.tags["figure"] == 9
    assert len(set(parsed.ids)) == len(parsed.ids)
    assert json.loads(json.dumps(report)) == report


def test_without_batches_nothing_is_said_of_them(prepared):
    corpus, preprocessors, examples = prepared
    report = inspect_pairs(corpus, preprocessors, examples.split("test"), None, pairs=0)
    assert report["batches"] == report["texts"] == [] and report["epoch"] is None
    assert "an epoch" not in pairs_as_text(report)
