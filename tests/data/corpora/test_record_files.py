"""Records of any fields from the user's files: the same from every format, and what is refused."""

import json

import pytest

from lm_zoo.config import CorpusConfig, DataConfig, ExperimentConfig, TokenizerConfig
from lm_zoo.data.corpora import load_corpus
from lm_zoo.data.examples import prepared_examples, prepared_preprocessors
from lm_zoo.data.fields import Field
from lm_zoo.data.preparation import prepared_corpus
from lm_zoo.errors import UserError

RECORDS = [("so good", "1"), ("so, so bad", "0"), ("海 is the sea", "1")]
FIELDS = (Field("text"), Field("label", "label"))


def corpus_of(folder, *files, fields=("text=text", "label=label"), **arguments):
    shares = {"validation_fraction": 0.0, "test_fraction": 0.0} | arguments
    return load_corpus(
        CorpusConfig("records", data_dir=str(folder), train_files=files, fields=fields, **shares),
        str(folder / "cache"),
    )


def read(*arguments, split="train", **fields):
    return list(corpus_of(*arguments, **fields).records(split))


def test_every_format_gives_the_records_that_were_written(tmp_path):
    rows = [{"id": 7, "text": text, "label": int(label)} for text, label in RECORDS]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "a.json").write_text(json.dumps(rows))
    lines = [f'{label},"{text}"\n' for text, label in RECORDS]
    (tmp_path / "a.csv").write_text("label,text\n" + "".join(lines))
    (tmp_path / "b.csv").write_text("".join(lines))
    (tmp_path / "a.tsv").write_text("".join(f"x\t{text}\t{label}\n" for text, label in RECORDS))
    (tmp_path / "a.train").write_text("".join(f"{label} {text}\n\n" for text, label in RECORDS))
    for name in ("a.jsonl", "a.json", "a.csv"):
        assert read(tmp_path, name) == RECORDS, name
    assert read(tmp_path, "b.csv", fields=("text=2", "label=1")) == RECORDS
    assert read(tmp_path, "a.tsv", fields=("text=2", "label=3")) == RECORDS
    assert read(tmp_path, "a.train", fields=("text=2", "label=1")) == RECORDS
    turned = corpus_of(tmp_path, "a.csv", fields=("label=label", "text=text"))
    assert turned.fields == ("label", "text") and list(turned.records("train"))[0] == (
        "1",
        "so good",
    )
    assert list(turned.columns(("text", "label")).records("train")) == RECORDS
    assert list(turned.column("label").texts("train")) == ["1", "0", "1"]


def test_parquet_gives_the_records_that_were_written(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")

    columns = {"text": [text for text, _ in RECORDS], "label": [int(l) for _, l in RECORDS]}
    parquet.write_table(pyarrow.table(columns), tmp_path / "a.parquet")
    assert read(tmp_path, "a.parquet") == RECORDS


def test_texts_and_labels_are_prepared_cleaned_and_in_the_order_of_the_task(tmp_path):
    lines = [f"{n % 2},text  {n}\n" for n in range(40)] + ["1,\n"]
    (tmp_path / "a.csv").write_text("label,text\n" + "".join(lines))
    config = ExperimentConfig(
        corpus=CorpusConfig(
            "records",
            train_files=(str(tmp_path / "a.csv"),),
            fields=("label=label", "text=text"),
            validation_fraction=0.1,
        ),
        data=DataConfig(cache_dir=str(tmp_path / "cache")),
        tokenizer=TokenizerConfig("character"),
    )
    config.cleaning.steps = ("whitespace",)
    config.corpus.split_by = "fraction"
    corpus = prepared_corpus(config, FIELDS)
    assert corpus.fields == ("text", "label") and corpus.name == "records"
    assert list(corpus.records("train"))[1] == ("text 1", "1")
    preprocessors = prepared_preprocessors(config, corpus, FIELDS)
    assert preprocessors["label"].labels == ("0", "1")
    examples = prepared_examples(config, corpus, preprocessors)
    assert sum(examples.split(s).num_examples for s in ("train", "validation", "test")) == 40
    config.corpus.split_by = "document_hash"
    with pytest.raises(UserError, match="corpus.split_by: .* which is the label 'label'; put a te"):
        prepared_corpus(config, FIELDS)
    with pytest.raises(UserError, match="expected records of source and target .* label and text;"):
        prepared_corpus(config, (Field("source"), Field("target")))


def test_files_of_the_field_are_read(shared_data, tmp_path):
    folder = shared_data("sst2")
    splits = {"validation_files": ("stsa.binary.dev",), "test_files": ("stsa.binary.test",)}
    corpus = corpus_of(
        folder, "stsa.binary.train", fields=("text=2", "label=1"), encoding="latin-1", **splits
    )
    counts = [sum(1 for _ in corpus.records(split)) for split in ("train", "validation", "test")]
    assert counts == [6920, 872, 1821]
    assert {label for _, label in corpus.records("test")} == {"0", "1"}
    folder = shared_data("waimai_10k")
    records = read(folder, "waimai_10k.csv", fields=("text=review", "label=label"))
    assert len(records) == 11_987 and records[0] == ("很快，好吃，味道足，量大", "1")


def test_what_cannot_be_used_is_one_line(tmp_path):
    (tmp_path / "a.csv").write_text("label,text\n1,good\n")
    (tmp_path / "a.train").write_text("1 good\n0\n")
    (tmp_path / "a.jsonl").write_text('{"text": "a", "label": [1]}\n')

    def refused(*arguments, **fields):
        with pytest.raises(UserError) as caught:
            read(tmp_path, *arguments, **fields)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    assert "expected one or more files for corpus 'records'" in refused()
    assert "for two or more fields" in refused("a.csv", fields=("text=text",))
    for fields in (("text", "label=x"), ("text=a", "text=b"), ("=a", "label=b")):
        assert "corpus.fields: expected FIELD=COLUMN" in refused("a.csv", fields=fields)
    message = refused("a.csv", fields=("text=txt", "label=label"))
    assert "no field 'txt'; it has: label, text." in message and "corpus.fields (text)" in message
    assert "expected a column number" in refused("a.train")
    message = refused("a.train", fields=("text=2", "label=1"))
    assert "line 2: expected 2 columns, received 1" in message
    assert "expected text in 'label', received [1]" in refused("a.jsonl")
