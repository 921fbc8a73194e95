"""`lm-zoo prepare`, `inspect` and `list` on sentence pairs."""

import json

import pytest

from lm_zoo.cli.main import main

CONFIG = """
from lm_zoo.config import *


def get_config():
    return ExperimentConfig(
        task=TaskConfig("translation"),
        corpus=CorpusConfig(
            "text_pairs",
            train_files=("a.tsv",),
            data_dir={folder!r},
            source_field="1",
            target_field="2",
            validation_fraction=0.1,
            test_fraction=0.1,
        ),
        data=DataConfig(batch_size=4, cache_dir={cache!r}),
        cleaning=CleaningConfig(steps=("pair_identical",)),
        tokenizer=TokenizerConfig("word"),
        model=ModelConfig(
            "encoder_decoder",
            hidden_dim=8,
            num_layers=1,
            num_heads=1,
            context_length=16,
            source_length=16,
        ),
        tokenizers=dict(source=TokenizerConfig("word")),
    )
"""


@pytest.fixture
def place(tmp_path):
    """A folder with 50 pairs, some of them none, and a config of them."""
    rows = [(f"quelle {n}", f"target no {n}") for n in range(47)]
    rows[3:3] = [("same", "same"), ("", "no source"), ("no target", " ")]
    (tmp_path / "a.tsv").write_text("".join(f"{a}\t{b}\n" for a, b in rows))
    values = {"folder": str(tmp_path), "cache": str(tmp_path / "cache")}
    (tmp_path / "config.py").write_text(CONFIG.format(**values))
    return tmp_path


def test_prepare_says_what_came_of_pairs(place, capsys):
    assert main(["prepare", f"--config={place}/config.py"]) == 0
    text = capsys.readouterr().out
    assert "record_empty    train            40        0        2" in text
    assert "pair_identical  train            38        0        1" in text
    assert "Tokenizer of source: word, vocabulary" in text
    assert "Lies in (source): " in text and "Took" in text
    assert main(["prepare", f"--config={place}/config.py", "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    splits = {name: field["splits"] for name, field in values["fields"].items()}
    for name in ("source", "target"):
        counts = {split: entry["documents"] for split, entry in splits[name].items()}
        assert counts == {"train": 37, "validation": 5, "test": 5}
    assert splits["source"]["train"]["tokens"] == 37 * 3 + 1
    assert splits["target"]["train"]["tokens"] == 37 * 4 + 1
    assert values["corpus"]["name"] == "text_pairs" and values["seconds"] == 0
    assert (
        values["cleaning"]["fields"] == ["source", "target"]
        and len(values["cleaning"]["steps"]) == 3
    )


def test_inspect_shows_pairs(place, capsys):
    arguments = [f"--config={place}/config.py", f"--output={place}/page.html"]
    assert main(["inspect", *arguments]) == 0
    text = capsys.readouterr().out
    assert "examples                 37" in text and "37 examples in 10 batches" in text
    assert "Target tokens per source token" in text
    assert "Batch of step 0: 4 rows" in text
    assert (place / "page.html").read_text().startswith("<!DOCTYPE html>")
    assert main(["inspect", *arguments, "--json", "--split=test", "--examples=2"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["task"] == "translation" and list(report["fields"]) == ["source", "target"]
    assert report["examples"]["count"] == 5 and len(report["examples"]["shown"]) == 2
    assert report["batches"] == [] and report["epoch"] is None and len(report["sections"]) == 1


def test_the_tokenizer_of_several_texts_is_that_of_the_last(place, capsys):
    assert main(["tokenizer", "train", f"--config={place}/config.py", f"--output={place}/new"]) == 0
    capsys.readouterr()
    assert main(["tokenizer", "encode", f"--tokenizer={place}/new", "--json", "target quelle"]) == 0
    assert json.loads(capsys.readouterr().out)["tokens"] == ["target", "<unk>"]


@pytest.mark.parametrize(
    "override, message",
    [
        ("cleaning.steps=gutenberg", "'gutenberg' works on documents"),
        ("corpus.source_field=4", "expected 4 columns, received 2"),
        ("task.layout=packed", "task.layout: there is no such field of 'translation'"),
        ("task.name=language_modeling", "config.tokenizers: unknown name 'source'"),
        ("corpus.train_files=none.tsv", "there is no file"),
    ],
)
def test_what_cannot_be_is_one_line(place, capsys, override, message):
    before = sorted(place.iterdir())
    for command in ("prepare", "inspect"):
        assert main([command, f"--config={place}/config.py", f"--config.{override}"]) == 2
        error = capsys.readouterr().err
        assert message in error and error.count("\n") == 1
    left = {path for path in place.iterdir() if path.name != "cache"}
    assert left == {path for path in before if path.name != "cache"}


def test_list_shows_pair_corpora_and_steps(capsys):
    assert main(["list", "corpora"]) == 0
    text = capsys.readouterr().out
    assert "synthetic_translation" in text and "text_pairs" in text and "multi30k" in text
    assert main(["list", "cleaning"]) == 0
    assert "pair_length_ratio" in capsys.readouterr().out
