"""Sentence pairs of the user's own: the same ones from every format, and what is refused."""

import csv
import gzip
import io
import json
import re
import tracemalloc

import pytest

from lm_zoo.config import CleaningConfig, CorpusConfig
from lm_zoo.data.cleaning.cleaned_corpus import clean
from lm_zoo.data.corpora import load_corpus
from lm_zoo.errors import UserError

PAIRS = [("ein Hund", "a dog"), ("zwei Möwen", 'two "gulls"'), ("海", "the sea, blue"), ("x", "y")]


class Pairs:
    """A folder of files, and how they are read as pairs."""

    def __init__(self, path):
        self.path = path

    def write(self, name, content):
        content = content if isinstance(content, bytes) else content.encode()
        (self.path / name).write_bytes(content)
        return name

    def corpus(self, *train_files, **fields):
        return load_corpus(
            CorpusConfig(
                "text_pairs",
                data_dir=str(self.path),
                train_files=train_files,
                **{"validation_fraction": 0.0, "test_fraction": 0.0} | fields,
            ),
            str(self.path / "cache"),
        )

    def pairs(self, *train_files, split="train", **fields):
        return list(self.corpus(*train_files, **fields).records(split))

    def refusal(self, *train_files, **fields):
        with pytest.raises(UserError) as caught:
            self.pairs(*train_files, **fields)
        assert "\n" not in str(caught.value)
        return str(caught.value)


@pytest.fixture
def pair_folder(tmp_path):
    return Pairs(tmp_path)


def lines_of(side, pairs=tuple(PAIRS)):
    return "".join(f"{pair[side]}\n" for pair in pairs)


def test_every_format_gives_the_pairs_that_were_written(pair_folder):
    pair_folder.write("a.de", lines_of(0))
    pair_folder.write("a.en", lines_of(1).replace("\n", "\r\n"))
    assert pair_folder.pairs("a.de", train_target_files=("a.en",)) == PAIRS
    pair_folder.write("a.en.gz", gzip.compress(lines_of(1)[:-1].encode()))
    assert pair_folder.pairs("a.de", train_target_files=("a.en.gz",)) == PAIRS
    records = [{"id": 1, "of": {"de": one, "en": other}} for one, other in PAIRS]
    pair_folder.write("a.jsonl", "".join(json.dumps(record) + "\n" for record in records))
    pair_folder.write("a.json", json.dumps(records))
    nested = {"source_field": "of.de", "target_field": "of.en"}
    assert pair_folder.pairs("a.jsonl", **nested) == pair_folder.pairs("a.json", **nested) == PAIRS
    table = io.StringIO(newline="")
    csv.writer(table).writerows([("en", "n", "de"), *((b, 1, a) for a, b in PAIRS)])
    pair_folder.write("a.csv", table.getvalue())
    assert pair_folder.pairs("a.csv", source_field="de", target_field="en") == PAIRS
    pair_folder.write("a.tsv", "".join(f"7\t{a}\t{b}\n" for a, b in PAIRS))
    assert pair_folder.pairs("a.tsv", source_field="2", target_field="3") == PAIRS
    assert pair_folder.pairs("a.tsv", source_field="3", target_field="2") == [
        (b, a) for a, b in PAIRS
    ]
    pair_folder.write("b.tsv.gz", gzip.compress(b"de\ten\n" + f"{PAIRS[1][0]}\tu\n".encode()))
    assert pair_folder.pairs("b.tsv.gz", source_field="de", target_field="en") == [
        (PAIRS[1][0], "u")
    ]


def test_parquet_gives_the_pairs_that_were_written(pair_folder):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")

    translation = [{"de": one, "en": other} for one, other in PAIRS]
    parquet.write_table(pyarrow.table({"translation": translation}), pair_folder.path / "a.parquet")
    fields = {"source_field": "translation.de", "target_field": "translation.en"}
    assert pair_folder.pairs("a.parquet", **fields) == PAIRS


def test_files_go_together_pairwise_and_splits_may_have_their_own(pair_folder):
    for number, pair in enumerate(PAIRS):
        pair_folder.write(f"{number}.de", f"{pair[0]}\n")
        pair_folder.write(f"{number}.en", f"{pair[1]}\n")
    pair_folder.write("v.tsv", "s\tt\nq\tr\n")
    fields = {
        "train_target_files": ("1.en", "0.en"),
        "validation_files": ("v.tsv",),
        "test_files": ("2.de",),
        "test_target_files": ("2.en",),
        "source_field": "s",
        "target_field": "t",
    }
    corpus = pair_folder.corpus("1.de", "0.de", **fields)
    assert list(corpus.records("train")) == [PAIRS[1], PAIRS[0]]
    assert list(corpus.records("validation")) == [("q", "r")]
    assert list(corpus.records("test")) == [PAIRS[2]]
    assert list(corpus.texts("test")) == list(PAIRS[2])
    assert list(corpus.column("source").texts("train")) == [PAIRS[1][0], PAIRS[0][0]]
    other = pair_folder.corpus("0.de", "1.de", **{**fields, "train_target_files": ("0.en", "1.en")})
    assert other.fingerprint != corpus.fingerprint
    assert pair_folder.corpus("1.de", "0.de", **fields).fingerprint == corpus.fingerprint


def test_splits_by_fraction_are_the_end_and_by_hash_stay(pair_folder):
    pairs = [(f"quelle {n % 150}", f"target {n}") for n in range(200)]
    pair_folder.write("a.tsv", "".join(f"{a}\t{b}\n" for a, b in pairs))
    fields = {"source_field": "1", "target_field": "2", "test_fraction": 0.1}
    fields["validation_fraction"] = 0.2

    def splits(**more):
        corpus = pair_folder.corpus("a.tsv", **fields, **more)
        return [list(corpus.records(split)) for split in ("train", "validation", "test")]

    assert splits() == [pairs[:140], pairs[140:180], pairs[180:]]
    before = splits(split_by="document_hash")
    assert sorted(pair for found in before for pair in found) == sorted(pairs)
    assert all(10 < len(found) for found in before[1:])
    sources = [{source for source, _ in found} for found in before]
    assert not sources[0] & sources[1] and not sources[0] & sources[2]
    pair_folder.write("a.tsv", "new\tpair\n" + "".join(f"{a}\t{b}\n" for a, b in pairs))
    after = splits(split_by="document_hash")
    assert [[p for p in found if p[0] != "new"] for found in after] == before


def test_records_are_read_as_they_are_and_mended_by_cleaning(pair_folder):
    records = [("a", "b"), ("a\nb\r\nc", "d\u2028e"), ("", "c"), (None, "c"), ("c", " \n")]
    pair_folder.write("a.jsonl", "".join(json.dumps({"s": s, "t": t}) + "\n" for s, t in records))
    fields = {"source_field": "s", "target_field": "t"}
    corpus = pair_folder.corpus("a.jsonl", **fields)
    raw = [("a", "b"), ("a\nb\r\nc", "d\u2028e"), ("", "c"), ("", "c"), ("c", "")]
    assert corpus.is_raw and list(corpus.records("train")) == raw
    cleaned = clean(corpus, CleaningConfig(), pair_folder.path / "cache")
    assert list(cleaned.records("train")) == [("a", "b"), ("a b c", "d e")]
    pair_folder.write("a.de", "a\n\n \nb\nc\n")
    pair_folder.write("a.en", "A\nB\nC\n\nE\n")
    corpus = pair_folder.corpus("a.de", train_target_files=("a.en",))
    cleaned = clean(corpus, CleaningConfig(), pair_folder.path / "cache")
    assert list(cleaned.records("train")) == [("a", "A"), ("c", "E")]


@pytest.mark.parametrize("longer", ["source", "target"])
@pytest.mark.parametrize("more", [1, 3])
def test_unequal_numbers_of_lines_are_told(pair_folder, longer, more):
    pair_folder.write("a.de", lines_of(0) + ("more\n" * more if longer == "source" else ""))
    pair_folder.write("a.en", lines_of(1) + ("more\n" * more if longer == "target" else ""))
    message = pair_folder.refusal("a.de", train_target_files=("a.en",))
    counts = (4, 4 + more) if longer == "target" else (4 + more, 4)
    assert re.search(
        rf"a.en': it has {counts[1]} lines, but .*a.de', .*, has {counts[0]};", message
    )


def test_what_cannot_be_used_is_one_line(pair_folder):
    pair_folder.write("a.de", lines_of(0))
    pair_folder.write("a.en", lines_of(1))
    pair_folder.write("blank.en", "\n\n \n\n")
    pair_folder.write("empty.en", "")
    pair_folder.write("bad.en", b"a\nb\n\xff\nc\n")
    pair_folder.write("a.tsv", "de\ten\nx\ty\n")
    pair_folder.write("a.jsonl", '{"de": "x", "en": "y"}\n{"de": "x"}\n')
    fields = {"source_field": "de", "target_field": "en"}
    refused = pair_folder.refusal
    assert "expected one or more files" in refused()
    assert "blank.en': there is no text" in refused("a.de", train_target_files=("blank.en",))
    assert "empty.en': there is no text" in refused("a.de", train_target_files=("empty.en",))
    assert "byte 0xff at offset 4, in line 3" in refused("a.de", train_target_files=("bad.en",))
    assert "there is no file" in refused("a.de", train_target_files=("no.en",))
    message = refused("a.de", "a.de", train_target_files=("a.en",))
    assert message.startswith("corpus.train_target_files: expected one file for each of the 2")
    assert "corpus.train_target_files to their file, or use" in refused("a.de")
    assert "has records, not lines" in refused("a.de", train_target_files=("a.tsv",))
    message = refused("a.de", train_target_files=("a.en",), test_target_files=("a.en",))
    assert "there are no corpus.test_files" in message
    message = refused("a.tsv")
    assert message.startswith("corpus.source_field:") and "It has: de, en." in message
    assert "Set corpus.target_field" in refused("a.tsv", source_field="de", target_field="fr")
    assert "line 2: there is no field 'en'" in refused("a.jsonl", **fields)
    message = refused("a.de", train_target_files=("a.en",), source_field="de")
    assert message.startswith("corpus.source_field: 'de' is for files of records")
    for field in ("text_field", "documents", "source_language"):
        message = refused("a.tsv", **{field: "de"}, **fields)
        assert f"corpus.{field}: there is no such field of 'text_pairs'" in message


def test_other_corpora_refuse_the_settings_of_pairs():
    for field in ("train_target_files", "source_field"):
        value = "de" if field == "source_field" else ("a.en",)
        with pytest.raises(UserError, match=f"corpus.{field}: there is no such field"):
            load_corpus(CorpusConfig("synthetic_translation", **{field: value}))


def test_memory_does_not_grow_with_the_files(pair_folder):
    for name in ("a.de", "a.en"):
        with open(pair_folder.path / name, "w") as file:
            file.writelines(f"{number} {'x' * 300}\n" for number in range(60_000))
    corpus = pair_folder.corpus("a.de", train_target_files=("a.en",), test_fraction=0.1)
    tracemalloc.start()
    assert sum(1 for _ in corpus.records("train")) == 54_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 12 << 20  # both files have 18 MB
