"""What inspection counts of records with several fields is what can be counted by hand."""

import json

import numpy as np
import pytest

from lm_zoo.config import ExperimentConfig
from lm_zoo.data.batching.batches import Batch
from lm_zoo.data.batching.bucketed_batches import BucketedBatches
from lm_zoo.data.corpora.corpus import RecordCorpus
from lm_zoo.data.examples import Examples
from lm_zoo.data.fields import Field
from lm_zoo.data.labels import LabelTokenizer
from lm_zoo.data.tokens.token_files import TokenDataset, TokenSplit
from lm_zoo.inspection.field_report import describe_label
from lm_zoo.inspection.page import as_page
from lm_zoo.inspection.preview import preview_batch
from lm_zoo.inspection.report import inspect
from lm_zoo.inspection.terminal import as_text
from lm_zoo.tasks.section import Section
from lm_zoo.tasks.task import Task
from lm_zoo.tasks.translation.inspection import describe_ratio, ratio_section
from lm_zoo.text.tokenizers import TOKENIZERS
from tests.inspection.test_inspection import Page
from tests.small import translation

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
SIDES = ("source", "target")
LABELLED = {
    "train": [
        ("a <i>good</i> one", "good"),
        ("a bad one", "bad"),
        ("a bad one", "good"),
        ("so so", "<neither>"),
        ("good again", "good"),
    ],
    "validation": [("a bad one", "bad")],
    "test": [("good again", "good")],
}


class Sorting(Task):
    """A task of texts and labels, with a section of its own."""

    name = "sorting"
    fields = (Field("text"), Field("label", "label"))

    def __init__(self, preprocessors):
        self.preprocessors = preprocessors

    def sections(self, examples, split):
        count = examples.split(split).num_examples
        rows = [[str(count)]]
        return (Section("Count", {"count": count}, "How many there are", ["number"], rows, "r"),)


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


def prepare(records, names, kinds):
    """Corpus, preprocessors and examples."""
    corpus = RecordCorpus("small", records, "here", "none", names)
    fields, preprocessors = {}, {}
    for place, (name, kind) in enumerate(zip(names, kinds)):
        texts = {split: [record[place] for record in of] for split, of in records.items()}
        preprocessors[name] = kind.train([text + "\n" for text in texts["train"]])
        fields[name] = token_dataset(texts, preprocessors[name])
    return corpus, preprocessors, Examples(fields)


@pytest.fixture(scope="module")
def prepared():
    return prepare(PAIRS, SIDES, [TOKENIZERS["word"]] * 2)


@pytest.fixture(scope="module")
def report(prepared):
    corpus, preprocessors, examples = prepared
    task = translation(*preprocessors.values(), config=ExperimentConfig())
    batches = BucketedBatches(examples.split("train").fields, by=SIDES, batch_size=4)
    return inspect(task, corpus, examples, batches, num_batches=2)


@pytest.fixture(scope="module")
def labelled():
    corpus, preprocessors, examples = prepare(
        LABELLED, ("text", "label"), [TOKENIZERS["word"], LabelTokenizer]
    )
    batches = BucketedBatches(examples.split("train").fields, by=("text",), batch_size=2)
    return inspect(Sorting(preprocessors), corpus, examples, batches)


def test_every_field_is_counted(report):
    assert report["examples"]["count"] == 5 and report["corpus"] == "small"
    assert report["task"] == "translation" and report["split"] == "train"
    source, target = report["fields"]["source"], report["fields"]["target"]
    assert (source["lengths"]["least"], source["lengths"]["most"]) == (2, 6)
    assert (target["lengths"]["least"], target["lengths"]["most"]) == (3, 7)
    assert source["lengths"]["mean"] == np.mean([3, 2, 3, 3, 6])
    assert source["vocabulary"]["frequent"][1]["text"] == "ein"
    assert target["tokens"] == 1 + 3 + 6 + 3 + 3 + 7
    assert report["epoch"] == {
        "description": "4 rows, in buckets by length (65.62% padding)",
        "batches": 2,
        "examples": 5,
        "targets": 22,
        "padding": 1 - 22 / (2 * 4 * 8),
        "dropped": 0,
        "truncated": 0,
    }


def test_ratios_are_of_tokens_with_the_end(report, prepared):
    (section,) = report["sections"]
    ratio = section["values"]
    expected = sorted([3 / 3, 6 / 2, 3 / 3, 3 / 3, 7 / 6])
    assert ratio["mean"] == pytest.approx(np.mean(expected))
    assert (ratio["least"], ratio["p50"], ratio["most"]) == (1, 1, 3)
    bins = {(low, high): count for low, high, count in ratio["histogram"] if count}
    assert bins == {(1, 5 / 4): 4, (3, 4): 1}
    assert sum(bins.values()) == 5
    assert ["1.00", "1.00 to 1.25", 4] in section["histogram"]["bars"]
    assert section["rows"][0][0] == "1.00" and len(section["rows"][0]) == len(section["headers"])
    fields = prepared[2].split("train").fields
    back = describe_ratio(fields["target"], fields["source"])
    assert back["least"] == pytest.approx(1 / 3) and back["histogram"][2][2] == 1
    assert back["histogram"][-1] == [4.0, None, 0]
    nothing = TokenSplit("test", (np.zeros(1, np.int32),), document_starts=np.zeros(1, np.int64))
    assert ratio_section(nothing, nothing) == ()


def test_duplicates_are_of_records_and_of_each_field(report):
    assert list(report["duplicates"]) == ["records", "source", "target"]
    records, sources, targets = report["duplicates"].values()
    assert (records["unit"], sources["unit"], targets["unit"]) == ("records", "texts", "texts")
    assert [row["repeats"] for row in records["within"]] == [1, 0, 0]
    assert [row["repeats"] for row in sources["within"]] == [2, 0, 0]
    assert [row["repeats"] for row in targets["within"]] == [1, 0, 0]
    assert [row["shared"] for row in records["across"]] == [1, 0, 0]
    assert [row["shared"] for row in sources["across"]] == [1, 1, 1]
    assert [row["shared"] for row in targets["across"]] == [1, 0, 0]
    assert records["repeated"] == [{"count": 2, "text": "ein hund\na dog"}]


def test_records_are_shown_to_their_ends(report, prepared):
    end = prepared[1]["target"].token_text(prepared[1]["target"].end_id)
    shown = report["examples"]["shown"]
    first = shown[0]["fields"]
    assert [token["text"] for token in first["source"]["shown"]] == ["ein", "hund", end]
    assert [token["text"] for token in first["target"]["shown"]] == ["a", "dog", end]
    assert first["target"]["tokens"] == 3 and len(shown) == 3


def test_a_batch_is_shown_as_it_is(prepared):
    _, preprocessors, examples = prepared
    batches = BucketedBatches(examples.split("train").fields, by=SIDES, batch_size=4)
    for step in range(batches.steps_per_epoch):
        features = batches.batch(step).features
        shown = preview_batch(batches, step, preprocessors)
        assert shown["rows"] == len(features["target"]) and shown["reset"] is None
        assert shown["filling"] == int((features["source_lengths"] == 0).sum())
        for side in SIDES:
            of_side = shown["fields"][side]
            assert of_side["tokens"] == int(features[f"{side}_lengths"].sum())
            assert of_side["tokens"] + of_side["padding"] == shown["rows"] * of_side["length"]
            assert of_side["documents"] is None
        for number, row in enumerate(shown["shown"]):
            assert list(row) == list(SIDES)
            for side in SIDES:
                places, length = row[side]["places"], features[f"{side}_lengths"][number]
                assert [place["id"] for place in places] == features[side][number].tolist()
                weights = [place["weight"] for place in places]
                assert weights == [1] * length + [0] * (len(places) - length)
                assert all(bool(place["text"]) == bool(place["weight"]) for place in places)
                assert row[side]["segments"] is None and "target" not in places[0]


def test_the_text_and_the_page_say_it(report):
    text = as_text(report)
    assert "examples                 5" in text and "5 examples in 2 batches, 22 tokens" in text
    assert "Example 0:" in text and "source, from token 1 on (3 tokens):" in text
    assert "row 0, source:" in text and "row 0, target:" in text
    assert "Target tokens per source token" in text
    assert "source: Exact duplicates: texts in two splits:" in text
    assert "\nExact duplicates: records in two splits:" in text
    page = as_page(report)
    parsed = Page(page)
    assert parsed.addresses == ["data:,"] and "<b>thing" not in page and "&lt;b&gt;thing" in page
    assert parsed.tags["svg"] == parsed.tags["figure"] == 10
    assert parsed.tags["caption"] == parsed.tags["table"]
    assert len(set(parsed.ids)) == len(parsed.ids)
    assert json.loads(json.dumps(report)) == report


def test_without_batches_nothing_is_said_of_them(prepared):
    corpus, preprocessors, examples = prepared
    task = translation(*preprocessors.values())
    report = inspect(task, corpus, examples, None, "test", num_examples=0)
    assert report["batches"] == report["examples"]["shown"] == [] and report["epoch"] is None
    assert "an epoch" not in as_text(report)


def test_classes_of_labels_are_counted(labelled):
    label = labelled["fields"]["label"]
    assert (label["kind"], label["labels"]) == ("label", 5)
    assert (label["num_classes"], label["used"]) == (3, 3)
    counts = [(c["text"], c["count"], c["share"]) for c in label["classes"]]
    assert counts == [("good", 3, 0.6), ("<neither>", 1, 0.2), ("bad", 1, 0.2)]
    assert labelled["fields"]["text"]["vocabulary"]["frequent"]
    tokenizer = LabelTokenizer(["bad", "good"])
    split = token_dataset({"train": ["good"]}, tokenizer).split("train")
    found = describe_label(tokenizer, split, most=1)
    assert (found["num_classes"], found["used"], len(found["classes"])) == (2, 1, 1)


def test_a_record_with_a_label_is_shown_whole(labelled):
    assert list(labelled["duplicates"]) == ["records", "text"]
    records, texts = labelled["duplicates"].values()
    assert [row["repeats"] for row in records["within"]] == [0, 0, 0]
    assert [row["repeats"] for row in texts["within"]] == [1, 0, 0]
    first = labelled["examples"]["shown"][0]["fields"]
    assert [token["text"] for token in first["label"]["shown"]] == ["good", "<end>"]
    places = labelled["batches"][0]["shown"][0]["label"]["places"]
    assert [place["text"] for place in places][1:] == ["<end>"]
    text, page = as_text(labelled), as_page(labelled)
    assert "label: classes" in text and "3, of which 3 occur" in text
    assert "label: Classes, the most frequent first" in text and "60.00%" in text
    assert "How many there are" in text and labelled["sections"][0]["values"] == {"count": 5}
    parsed = Page(page)
    assert parsed.tags["svg"] == parsed.tags["figure"] == 6  # three of the text, one of the label
    assert "<neither>" not in page and "&lt;neither&gt;" in page and "<i>good" not in page
    assert len(set(parsed.ids)) == len(parsed.ids) and "How many there are" in page
    assert json.loads(json.dumps(labelled)) == labelled


def test_a_label_may_be_a_number_a_row():
    class Rows:
        carries_state = False

        def batch(self, step):
            return Batch({"label": np.array([1, 2], np.int32)}, True, 2)

    found = preview_batch(Rows(), 0, {"label": LabelTokenizer(["bad", "good"])})
    assert found["fields"]["label"] == {"length": 1, "tokens": 2, "padding": 0, "documents": None}
    assert [row["label"]["places"][0]["text"] for row in found["shown"]] == ["bad", "good"]
