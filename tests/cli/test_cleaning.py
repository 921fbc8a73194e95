"""Cleaning as a user meets it: the table of `prepare`, the record in the run, and mistakes."""

import json

import pytest

from lm_zoo.cli.main import main

CONFIG = """
from lm_zoo.config import *


def get_config():
    return ExperimentConfig(
        task=TaskConfig("language_modeling", layout="windows", sequence_length=16, sample_length=0),
        corpus=CorpusConfig(
            "text_files",
            train_files=({text!r},),
            documents="line",
            validation_fraction=0.1,
            test_fraction=0.1,
        ),
        data=DataConfig(batch_size=4, cache_dir={cache!r}),
        tokenizer=TokenizerConfig("character"),
        model=ModelConfig("gru_lm", hidden_dim=8, num_layers=1),
        training=TrainingConfig(steps=2),
    )
"""


@pytest.fixture
def place(tmp_path):
    """A folder with forty documents, one a line, and a config of it."""
    lines = [
        f"<p>The {number}th document says &quot;{number * 7}&quot;.</p>" for number in range(40)
    ]
    (tmp_path / "text.txt").write_text("\n".join([lines[1], *lines]))
    values = {"text": str(tmp_path / "text.txt"), "cache": str(tmp_path / "cache")}
    (tmp_path / "config.py").write_text(CONFIG.format(**values))
    return tmp_path


def run(place, command, *settings):
    settings = [f"--config.cleaning.{setting}" for setting in settings]
    return main([command, f"--config={place}/config.py", *settings])


def test_prepare_shows_what_cleaning_did_and_training_records_it(place, capsys):
    settings = ("steps=html,exact_duplicates,length", "min_characters=27")
    assert run(place, "prepare", *settings) == 0
    shown = capsys.readouterr().out.splitlines()
    rows = {tuple(line.split()[:2]): line.split()[2:5] for line in shown if " train " in line}
    assert rows["html", "train"] == ["33", "33", "0"]
    assert rows["exact_duplicates", "train"] == ["33", "0", "1"]
    assert rows["length", "train"] == ["32", "0", "2"]  # the first two are shortest
    command = ["train", f"--config={place}/config.py", f"--workdir={place}/run"]
    assert main([*command, *(f"--config.cleaning.{setting}" for setting in settings)]) == 0
    record = json.loads((place / "run" / "data.json").read_text(encoding="utf-8"))
    steps = record["cleaning"]["steps"]
    assert [step["name"] for step in steps] == ["html", "exact_duplicates", "length"]
    assert steps[1]["dropped"][0]["text"] == 'The 1th document says "7".'


@pytest.mark.parametrize(
    "settings, expected",
    [
        (["steps=htm"], ["cleaning.steps", "'htm'", "Did you mean 'html'?"]),
        (["steps=nfc,nfc"], ["cleaning.steps", "'nfc' twice"]),
        (["steps=language"], ["cleaning.languages", "en,de"]),
        (["steps=language", "languages=english"], ["cleaning.languages", "'english'"]),
        (["steps=length", "max_words=3", "min_words=4"], ["cleaning.max_words", "(4)", "3"]),
        (
            ["steps=near_duplicates", "near_duplicate_similarity=1.5"],
            ["above 0 and at most 1", "1.5"],
        ),
        (["steps=near_duplicates", "near_duplicate_similarity=0"], ["above 0"]),
        (["steps=held_out_overlap", "overlap_words=0"], ["cleaning.overlap_words", "at least 1"]),
        (["steps=held_out_overlap", "max_overlap=1"], ["cleaning.max_overlap", "below 1"]),
        (["steps=repetition", "repetition_tolerance=0"], ["repetition_tolerance", "above 0"]),
        (["steps=length", "min_characters=-1"], ["cleaning.min_characters", "at least 0"]),
        (
            ["steps=html,length", "min_characters=1000"],
            ["no train text is left", "'length'", "33 of 33", "fewer than 1000 characters"],
        ),
        (["steps=language", "languages=ja"], ["no train text is left", "'language'"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_mistakes_are_one_line_and_leave_nothing_that_looks_whole(
    place, capsys, settings, expected
):
    for _ in range(2):
        assert run(place, "prepare", *settings) == 2
        errors = capsys.readouterr().err
        assert errors.count("\n") == 1 and all(part in errors for part in expected)
        assert not list((place / "cache").glob("text_files-*"))


def test_steps_that_need_documents_say_how_to_have_them(place, capsys):
    command = ["prepare", f"--config={place}/config.py", "--config.corpus.documents=stream"]
    assert main([*command, "--config.cleaning.steps=gutenberg"]) == 2
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1 and "set corpus.documents to 'file'" in errors
