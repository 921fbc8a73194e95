"""Cleaning a corpus: what is left, what is recorded, and that nothing else matters for either."""

import dataclasses
import json
import os
import random
import signal
import subprocess
import sys

import pytest

from lm_zoo.config import CleaningConfig
from lm_zoo.data.cleaning import cleaning_stages
from lm_zoo.data.cleaning.cleaned_corpus import clean
from lm_zoo.data.cleaning.cleaning_report import report_table
from lm_zoo.data.corpora.corpus import Corpus
from lm_zoo.errors import UserError

ALL = ("nfc", "html", "length", "near_duplicates", "whitespace", "held_out_overlap", "repetition")


NAMES = ("alpha", "beta", "gamma", "delta")


class Documents(Corpus):
    """Documents, or the parts of streams, in lists."""

    name, source, licence = "toy", "this test", "none"
    fingerprint = ""

    def __init__(self, train, validation=(), test=(), has_documents=True):
        self.splits = {"train": list(train), "validation": list(validation), "test": list(test)}
        self.has_documents = has_documents
        self.fingerprint = json.dumps(self.splits)
        self.num_bytes = sum(len(text) for s in self.splits.values() for text in s)

    def texts(self, split):
        return iter(self.splits[split])


def cleaned(corpus, cache, *steps, processes=1, **fields):
    return clean(corpus, CleaningConfig(steps=steps, **fields), cache, processes)


def counts(corpus, step, split="train"):
    return next(s for s in corpus.report["steps"] if s["name"] == step)["splits"][split]


def train_of(corpus):
    return list(corpus.texts("train"))


def prose(seed, num_words=60):
    randomness = random.Random(seed)
    return " ".join(
        f"{randomness.choice(NAMES)}{randomness.random():.8f}"[:13].replace(".", "")
        for _ in range(num_words)
    )


@pytest.fixture(scope="module")
def messy():
    """Documents with something in them for every step of `ALL`."""
    held_out = [prose(number) for number in range(4)]
    train = [prose(number) for number in range(10, 40)]
    train += [train[3] + " end", "too short", f"<p>{prose(50)}<p>{prose(51)}  ok", "x y z " * 50]
    train += ["before " + " ".join(held_out[0].split()[5:30]) + prose(60), prose(61) + " e\u0301"]
    return Documents(train, held_out[:2], held_out[2:])


def test_without_steps_the_corpus_is_itself(tmp_path):
    corpus = Documents(["a"])
    assert clean(corpus, CleaningConfig(), tmp_path) is corpus
    assert not list(tmp_path.iterdir())


def test_each_step_is_counted(tmp_path):
    corpus = Documents(["short", "e\u0301tude long enough", "long enough as well", "tiny"])
    result = cleaned(corpus, tmp_path, "nfc", "length", min_characters=10, sample=1)
    assert train_of(result) == ["étude long enough", "long enough as well"]
    assert result.has_documents and result.name == "toy" and result.licence == "none"
    assert counts(result, "nfc") == {
        "documents_in": 4,
        "documents_changed": 1,
        "documents_dropped": 0,
        "characters_in": 46,
        "characters_changed": 1,
        "characters_dropped": 0,
    }
    assert counts(result, "length") == {
        "documents_in": 4,
        "documents_changed": 0,
        "documents_dropped": 2,
        "characters_in": 45,
        "characters_changed": 0,
        "characters_dropped": 9,
    }
    nfc, length = result.report["steps"]
    assert nfc["changed"] == [
        {
            "split": "train",
            "document": 2,
            "before": "e\u0301tude long enough",
            "after": "étude long enough",
        }
    ]
    assert length["settings"]["min_characters"] == 10
    assert length["reasons"] == {"fewer than 10 characters": 2}
    (sample,) = length["dropped"]
    assert (sample["document"], sample["text"]) in [(1, "short"), (4, "tiny")]
    assert json.loads(json.dumps(result.report)) == result.report


def test_what_goes_in_is_what_stays_and_what_went(messy, tmp_path):
    """Counts add up from step to step, and to the text that is left."""
    result = cleaned(messy, tmp_path, *ALL)
    for split in messy.splits:
        documents = len(messy.splits[split])
        characters = sum(map(len, messy.splits[split]))
        for step in result.report["steps"]:
            row = step["splits"][split]
            assert (row["documents_in"], row["characters_in"]) == (documents, characters)
            documents -= row["documents_dropped"]
            characters -= row["characters_changed"] + row["characters_dropped"]
        left = list(result.texts(split))
        assert (documents, characters) == (len(left), sum(map(len, left)))
    for step in ALL:
        row = counts(result, step)
        assert row["documents_changed"] + row["documents_dropped"] == 1, step
    assert train_of(result)[:30] == messy.splits["train"][:30]
    assert list(result.texts("test")) == messy.splits["test"]


def test_processes_and_block_sizes_do_not_matter(messy, tmp_path, monkeypatch):
    once = cleaned(messy, tmp_path / "one", *ALL)
    several = cleaned(messy, tmp_path / "two", *ALL, processes=2)
    real = cleaning_stages.source_blocks
    monkeypatch.setattr(
        "lm_zoo.data.cleaning.cleaned_corpus.source_blocks", lambda corpus: real(corpus, size=2000)
    )
    blocks = cleaned(messy, tmp_path / "three", *ALL)
    assert len(blocks._blocks["train"]) > 5
    for other in (several, blocks):
        assert other.report == once.report
        assert other.fingerprint == once.fingerprint
        for split in messy.splits:
            assert list(other.texts(split)) == list(once.texts(split))


def test_it_is_done_once_for_the_same_text_and_settings(messy, tmp_path):
    first = cleaned(messy, tmp_path, "nfc", "length")
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    again = cleaned(messy, tmp_path, "nfc", "length")
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == times
    assert again.fingerprint == first.fingerprint
    others = [
        cleaned(messy, tmp_path, "length", "nfc"),
        cleaned(messy, tmp_path, "nfc", "length", min_characters=20),
        cleaned(Documents(["other " * 30]), tmp_path, "nfc", "length"),
    ]
    assert len({c.fingerprint for c in [first, *others]}) == 4
    unused = cleaned(messy, tmp_path, "nfc", "length", overlap_words=9)
    assert unused.fingerprint == first.fingerprint


def test_exact_duplicates_keep_the_first_and_what_is_held_out(tmp_path):
    corpus = Documents(["one", "two", "one", "held", "two", "One"], ["held", "v"], ["held", "t"])
    result = cleaned(corpus, tmp_path, "exact_duplicates")
    assert train_of(result) == ["one", "two", "One"]
    assert list(result.texts("validation")) == ["v"]
    assert list(result.texts("test")) == ["held", "t"]
    details = {
        found["document"]: found["detail"]
        for found in result.report["steps"][0]["dropped"]
        if found["split"] == "train"
    }
    assert details == {3: "document 1 of train", 4: "document 1 of test", 5: "document 2 of train"}


def test_training_text_that_is_held_out_too_goes(tmp_path):
    held_out = [prose(1), "春眠不覺曉，處處聞啼鳥。夜來風雨聲，花落知多少。"]
    words = held_out[0].split()
    train = [
        "a quote of " + " ".join(words[7:20]).upper() + ", thirteen words",
        "a quote of " + " ".join(words[7:19]) + " twelve words",
        "詩云：「春眠不覺曉處處聞啼鳥夜來風」是也",
        "詩云：「春眠不覺曉處處聞啼」是也",
        held_out[0],
    ]
    result = cleaned(Documents(train, held_out[:1], held_out[1:]), tmp_path, "held_out_overlap")
    assert train_of(result) == [train[1], train[3]]
    assert list(result.texts("validation")) == held_out[:1]
    lenient = cleaned(
        Documents(train, held_out[:1], held_out[1:]), tmp_path, "held_out_overlap", max_overlap=0.9
    )
    assert train_of(lenient) == train[:4]


def test_steps_may_stand_in_any_order(tmp_path):
    """White space hides a duplicate from the first look and not from the second."""
    corpus = Documents(["same  text", "same text", "same  text"])
    before = cleaned(corpus, tmp_path, "exact_duplicates", "whitespace")
    after = cleaned(corpus, tmp_path, "whitespace", "exact_duplicates")
    assert train_of(before) == ["same text"] * 2 and train_of(after) == ["same text"]
    assert before.report["steps"][0]["dropped"][0]["document"] == 3


def test_documents_stay_documents(tmp_path):
    """No step leaves an empty one, or one with newlines around it."""
    corpus = Documents(["<p></p>", "\u200b", "\u200b\n\ntext", "<p>a<p>b"])
    result = cleaned(corpus, tmp_path, "html", "control_characters")
    assert train_of(result) == ["text", "a\n\nb"]
    reasons = [step["reasons"] for step in result.report["steps"]]
    assert reasons == [{"nothing is left of it": 1}] * 2


def test_a_stream_stays_what_it_is_in_the_whole(tmp_path, monkeypatch):
    text = "".join(
        f"{n}e\u0301 cafÃ©  x\x00\r\nend.\n" + "\n" * (n % 5) + "  y " for n in range(400)
    )
    parts = [text[i : i + 37] for i in range(0, len(text), 37)]
    steps = ("fix_encoding", "nfc", "control_characters", "whitespace")
    whole = cleaned(Documents([text], has_documents=False), tmp_path / "whole", *steps)
    real = cleaning_stages.source_blocks
    monkeypatch.setattr(
        "lm_zoo.data.cleaning.cleaned_corpus.source_blocks", lambda corpus: real(corpus, size=100)
    )
    stream = cleaned(Documents(parts, has_documents=False), tmp_path / "parts", *steps)
    assert len(train_of(stream)) > 20
    assert "".join(train_of(stream)) == "".join(train_of(whole))
    assert "0é café x\nend.\n  y 1é café x\nend.\n\n  y" in stream.text("train")
    assert counts(stream, "nfc") == counts(whole, "nfc")
    assert counts(stream, "nfc")["documents_changed"] == 1  # a stream counts as one document


def test_the_table_says_what_was_done(messy, tmp_path):
    result = cleaned(messy, tmp_path, *ALL)
    table = report_table(result.report)
    header, *rows = table.splitlines()
    assert header.split() == (
        ["step", "split", "documents", "changed", "dropped", "characters", "removed"]
    )
    assert len(rows) == 3 * len(ALL)
    assert rows[0].split()[:5] == ["nfc", "train", "36", "1", "0"]
    shown = report_table(result.report, samples=True)
    assert "length dropped 1: fewer than 100 characters" in shown
    assert "train 32 (fewer than 100 characters: 9): 'too short'" in shown


@pytest.mark.parametrize(
    "corpus, steps, expected",
    [
        (Documents(["a"]), ("nfd",), "cleaning.steps: unknown name 'nfd'"),
        (Documents(["a"]), ("nfc", "nfc"), "'nfc' twice"),
        (Documents(["a"]), ("language",), "cleaning.languages: expected"),
        (Documents(["a"], has_documents=False), ("length",), "set corpus.documents to 'file'"),
        (Documents(["a"], has_documents=False), ("near_duplicates",), "set corpus.documents"),
        (Documents(["a"], has_documents=False), ("control_characters", "gutenberg"), "'gutenberg'"),
        (Documents(["a\ud800"]), ("nfc",), "lone surrogate"),
    ],
)
def test_what_cannot_be_is_refused(corpus, steps, expected, tmp_path):
    with pytest.raises(UserError) as refused:
        cleaned(corpus, tmp_path, *steps)
    assert expected in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize("split", ["train", "validation"])
def test_an_empty_split_names_the_step_that_emptied_it(split, tmp_path):
    texts = {"train": ["long enough"], "validation": ["long enough"]}
    texts[split] = ["tiny", "also", "e\u0301"]
    corpus = Documents(**texts)
    for _ in range(2):  # the second time it is in the cache
        with pytest.raises(UserError) as refused:
            cleaned(corpus, tmp_path, "nfc", "length", min_characters=10)
        message = f"no {split} text is left; 'length' dropped the most, 3 of 3 documents"
        assert message in str(refused.value) and "fewer than 10 characters" in str(refused.value)


@pytest.mark.parametrize("name", ["manifest.json", "train-000000.text"])
def test_a_damaged_cache_is_refused(messy, tmp_path, name):
    result = cleaned(messy, tmp_path, "nfc")
    path = result.directory / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(UserError, match="delete the folder"):
        train_of(cleaned(messy, tmp_path, "nfc"))


KILLED = """
import pathlib, sys
from lm_zoo.data.cleaning import cleaned_corpus
from lm_zoo.data.cleaning import cleaning_stages
from tests.data.test_cleaned_corpus import ALL, Documents, cleaned, prose
real = cleaning_stages.source_blocks
cleaned_corpus.source_blocks = lambda corpus: real(corpus, size=8000)
corpus = Documents([prose(n) + n % 7 * "  x" for n in range(80)], [prose(1)], [prose(2)])
result = cleaned(corpus, sys.argv[1], *ALL)
print(result.fingerprint)
"""


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_killed_at_any_moment_it_goes_on_to_the_same_bytes(tmp_path):
    """The work folder is looked at, and when it has grown by a few files the process is killed."""
    command = [sys.executable, "-c", KILLED]
    undisturbed = subprocess.run(
        [*command, tmp_path / "a"], check=True, capture_output=True, text=True
    )
    kills = 0
    for limit in (8, 40, 75):
        process = subprocess.Popen([*command, tmp_path / "b"], stdout=subprocess.DEVNULL)
        while process.poll() is None and not grown(tmp_path / "b", limit):
            pass
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            kills += 1
        process.wait()
        assert bool(list((tmp_path / "b").glob("cleaned-*"))) == (process.returncode == 0)
    assert kills >= 2
    again = subprocess.run([*command, tmp_path / "b"], check=True, capture_output=True, text=True)
    assert again.stdout == undisturbed.stdout
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert not list((tmp_path / "b").glob(".lm_zoo-work-*"))


def grown(folder, limit):
    return sum(len(files) for _, _, files in os.walk(folder)) >= limit


def test_every_step_has_a_line_for_people_and_settings_that_exist():
    from lm_zoo.text.cleaning import CLEANING_STEPS

    fields = {field.name for field in dataclasses.fields(CleaningConfig)}
    used = set()
    for step in CLEANING_STEPS.values():
        assert step.function.__doc__.split("\n")[0].endswith(".")
        used |= set(step.settings)
    assert used == fields - {"steps", "sample"}
