"""Cleaning of records of several fields: what is left, and what is counted."""

import itertools
import json
import random
import unicodedata

import pytest

from lm_zoo.config import CleaningConfig
from lm_zoo.data.cleaning import cleaned_corpus, cleaning_stages
from lm_zoo.data.cleaning.cleaned_corpus import clean
from lm_zoo.data.cleaning.cleaning_report import report_table
from lm_zoo.data.corpora.corpus import RecordCorpus
from lm_zoo.data.fields import Field
from lm_zoo.errors import UserError
from tests.data.small_corpora import DocumentCorpus, StreamCorpus


def corpus_of(train, validation=(), test=(), fields=("source", "target"), is_raw=True):
    splits = {"train": list(train), "validation": list(validation), "test": list(test)}
    corpus = RecordCorpus("toy", splits, "this test", "none", fields)
    object.__setattr__(corpus, "is_raw", is_raw)
    return corpus


def cleaned(corpus, cache, *steps, processes=1, **fields):
    return clean(corpus, CleaningConfig(steps=steps, **fields), cache, processes)


def counts(corpus, step, split="train"):
    row = next(s for s in corpus.report["steps"] if s["name"] == step)["splits"][split]
    return row["documents_in"], row["documents_changed"], row["documents_dropped"]


def left(corpus, split="train"):
    return list(corpus.records(split))


def test_without_steps_what_was_made_is_itself_and_what_was_read_is_whole(tmp_path):
    corpus = corpus_of([("a", "b")], is_raw=False)
    assert clean(corpus, CleaningConfig(), tmp_path) is corpus
    assert not list(tmp_path.iterdir())
    result = cleaned(corpus_of([("a", "b"), ("a\n", "")]), tmp_path)
    assert left(result) == [("a", "b")] and counts(result, "record_empty") == (2, 0, 1)


def test_line_breaks_and_empty_sides_are_always_counted(tmp_path):
    raw = [("a", "b"), ("a\nb\r\nc", "d\u2028e"), ("", "x"), ("x", " \t"), ("", ""), ("c", "d")]
    result = cleaned(corpus_of(raw, [("v", ""), ("v", "w")], [("t", "u")]), tmp_path, "nfc")
    assert left(result) == [("a", "b"), ("a b c", "d e"), ("c", "d")]
    assert left(result, "test") == [("t", "u")]
    assert counts(result, "record_lines") == (6, 1, 0)
    assert counts(result, "record_empty") == (6, 0, 3)
    assert counts(result, "nfc") == (3, 0, 0)
    empty = result.report["steps"][1]
    assert empty["reasons"] == {
        "empty source": 1,
        "empty source and target": 1,
        "empty target": 2,
    }
    assert {(d["split"], d["document"]) for d in empty["dropped"]} == {
        ("train", 3), ("train", 4), ("train", 5), ("validation", 1),
    }  # fmt: skip
    assert json.loads(json.dumps(result.report)) == result.report
    table = report_table(result.report)
    assert table.startswith("step          split       records  changed  dropped")


def test_a_split_of_which_nothing_is_left_is_told(tmp_path):
    with pytest.raises(
        UserError, match="no train text is left; 'pair_identical' dropped the most, 2 "
    ):
        cleaned(corpus_of([("a", "a"), ("b", "b")]), tmp_path, "pair_identical")


def test_steps_for_texts_are_done_to_each_side(tmp_path):
    pairs = [
        ("e\u0301t\u00e9", "summer  and  so"),
        ("plain", "pla\u200bin"),
        ("short", "much longer than that"),
        ("\u200b", "gone"),
        ("caf\u00c3\u00a9", "b\x85c"),
    ]
    result = cleaned(
        corpus_of(pairs), tmp_path,
        "fix_encoding", "nfc", "control_characters", "whitespace", "length",
        min_characters=4, max_characters=16,
    )  # fmt: skip
    assert left(result) == [("plain", "plain")]
    assert counts(result, "control_characters")[1:] == (1, 1)
    (step,) = [s for s in result.report["steps"] if s["name"] == "length"]
    assert step["reasons"] == {
        "source: fewer than 4 characters": 1,
        "target: fewer than 4 characters": 1,
        "target: more than 16 characters": 1,
    }
    (dropped,) = [s for s in result.report["steps"] if s["name"] == "control_characters"]
    assert dropped["reasons"] == {"nothing is left of the source": 1}
    both = cleaned(corpus_of(pairs), tmp_path, "fix_encoding", "nfc", "whitespace")
    assert left(both)[0] == ("été", "summer and so")
    assert left(both)[-1] == ("café", "b\u2026c")  # of Windows' code page, as ftfy reads it
    assert left(cleaned(corpus_of(pairs), tmp_path, "whitespace"))[-1][1] == "b c"


def test_length_ratio_counts_words_or_characters_of_unspaced_scripts(tmp_path):
    pairs = [
        ("a b c", "a b c d e f"),
        ("a b c", "a b c d e f g"),
        ("a b c d e f g", "a b c"),
        ("\u6211\u559c\u6b22\u5979", "i like her"),
        ("\u6211\u559c\u6b22\u5979\u5f88\u591a\u554a", "i like her"),
        ("x", "x"),
    ]
    result = cleaned(corpus_of(pairs), tmp_path, "pair_length_ratio", max_length_ratio=2.0)
    assert left(result) == [pairs[0], pairs[3], pairs[5]]
    step = result.report["steps"][-1]
    assert step["reasons"] == {"one side more than 2 times as long": 3}
    assert step["settings"] == {"max_length_ratio": 2.0}
    assert "3 and 7 words" in {d["detail"] for d in step["dropped"]}
    other = cleaned(corpus_of(pairs), tmp_path, "pair_length_ratio", max_length_ratio=3.0)
    assert left(other) == pairs and other.fingerprint != result.fingerprint


def test_identical_and_repeated_pairs_go(tmp_path):
    train = [("a", "A"), ("b", "b "), ("a", "A"), ("a", "B"), ("t", "T"), ("c", "C")]
    corpus = corpus_of(train, [("v", "V"), ("v", "V")], [("t", "T")])
    result = cleaned(corpus, tmp_path, "pair_identical", "exact_duplicates")
    assert left(result) == [("a", "A"), ("a", "B"), ("c", "C")]
    assert left(result, "validation") == [("v", "V")] and left(result, "test") == [("t", "T")]
    assert counts(result, "pair_identical") == (6, 0, 1)
    assert counts(result, "exact_duplicates") == (5, 0, 2)
    assert counts(result, "exact_duplicates", "validation") == (2, 0, 1)


@pytest.fixture(scope="module")
def messy():
    randomness = random.Random(0)
    words = ["alpha", "beta", "gamma", "d\u00e9lta", "e\u0301psilon", "a\nb", ""]
    pairs = [
        tuple(" ".join(randomness.choices(words, k=randomness.randint(0, 5))) for _ in range(2))
        for _ in range(800)
    ]
    return corpus_of(pairs, pairs[:20], pairs[20:30])


def test_what_is_left_is_what_the_steps_say(messy, tmp_path):
    steps = ("nfc", "exact_duplicates", "pair_length_ratio", "pair_identical")
    result = cleaned(messy, tmp_path, *steps, max_length_ratio=2.0)
    seen = set()
    for split in ("test", "validation", "train"):
        expected = []
        for pair in messy.splits[split]:
            pair = tuple(unicodedata.normalize("NFC", side.replace("\n", " ")) for side in pair)
            lengths = sorted(len(side.split()) for side in pair)
            if not lengths[0] or pair in seen:
                continue
            seen.add(pair)
            if lengths[1] <= 2 * lengths[0] and pair[0].strip() != pair[1].strip():
                expected.append(pair)
        assert left(result, split) == expected
        for step, following in itertools.pairwise(result.report["steps"]):
            row = step["splits"][split]
            after = row["documents_in"] - row["documents_dropped"]
            assert following["splits"][split]["documents_in"] == after
        last = result.report["steps"][-1]["splits"][split]
        assert last["documents_in"] - last["documents_dropped"] == len(expected)


def test_processes_and_block_sizes_do_not_matter(messy, tmp_path, monkeypatch):
    steps = ("nfc", "exact_duplicates", "pair_length_ratio", "held_out_overlap")
    once = cleaned(messy, tmp_path / "one", *steps)
    real = cleaning_stages.source_blocks
    monkeypatch.setattr(cleaned_corpus, "source_blocks", lambda corpus: real(corpus, size=4000))
    several = cleaned(messy, tmp_path / "two", *steps, processes=2)
    assert once.report == several.report and once.fingerprint == several.fingerprint
    for split in ("train", "validation", "test"):
        assert left(once, split) == left(several, split)
    again = cleaned(messy, tmp_path / "two", *steps)
    assert left(again) == left(several) and again.directory == several.directory


def test_with_no_pair_whole_it_is_told(tmp_path):
    with pytest.raises(
        UserError, match="none of the 2 test records has text in each of source and t"
    ):
        cleaned(corpus_of([("a", "b")], test=[("a", ""), ("", "b")]), tmp_path, "nfc")


def test_labels_are_never_changed_and_records_of_any_number_of_fields_are_cleaned(tmp_path):
    fields = (Field("title"), Field("label", "label"), Field("body"))
    records = [
        ("e\u0301t\u00e9", "e\u0301", "a  b"),
        ("x", "no", " "),
        ("y", "", "z"),
        ("one\ntwo", "yes", "three"),
        ("one two", "yes", "three"),
    ]
    corpus = corpus_of(records, fields=("title", "label", "body"))
    steps = ("nfc", "whitespace", "exact_duplicates")
    result = clean(corpus, CleaningConfig(steps=steps), tmp_path, 1, fields=fields)
    assert left(result) == [("\u00e9t\u00e9", "e\u0301", "a b"), ("one two", "yes", "three")]
    assert result.fields == corpus.fields and result.report["fields"] == list(corpus.fields)
    reasons = {step["name"]: step["reasons"] for step in result.report["steps"]}
    assert reasons["record_empty"] == {"empty body": 1, "empty label": 1}
    assert counts(result, "exact_duplicates") == (3, 0, 1)
    assert list(result.column("label").texts("train")) == ["e\u0301", "yes"]
    assert list(result.columns(("body", "title")).records("train"))[1] == ("three", "one two")
    texts = clean(corpus, CleaningConfig(steps=steps), tmp_path, 1)  # all fields are texts
    assert left(texts)[0][1] == "\u00e9" and texts.fingerprint != result.fingerprint


def test_steps_that_do_not_fit_are_refused(tmp_path):
    pairs = corpus_of([("a", "b")])
    with pytest.raises(UserError, match="'gutenberg' works on documents, but corpus 'toy' has rec"):
        cleaned(pairs, tmp_path, "gutenberg")
    with pytest.raises(UserError, match="exact_duplicates"):
        cleaned(pairs, tmp_path, "exact_dup")
    labelled = (Field("source"), Field("target", "label"))
    with pytest.raises(UserError, match="'pair_identical' works on records of 2 texts, but .* 1;"):
        clean(pairs, CleaningConfig(steps=("pair_identical",)), tmp_path, fields=labelled)
    for corpus in (DocumentCorpus(train=["a"]), StreamCorpus(train=["a"])):
        for step in ("pair_length_ratio", "pair_identical", "record_empty"):
            with pytest.raises(UserError, match=f"'{step}' works on records of several fields, bu"):
                clean(corpus, CleaningConfig(steps=(step,)), tmp_path)
    assert not list(tmp_path.iterdir())
