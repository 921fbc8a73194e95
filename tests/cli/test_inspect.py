"""`lm-zoo inspect` from the command line: what it prints and writes, and what it refuses."""

import json

import pytest

import lm_zoo
from lm_zoo.cli.main import main

CONFIG = """
from lm_zoo.config import *


def get_config():
    return ExperimentConfig(
        task=TaskConfig("language_modeling", layout="packed", sequence_length=12, sample_length=0),
        corpus=CorpusConfig(
            "text_files",
            train_files=({text!r},),
            documents="line",
            validation_fraction=0.2,
            test_fraction=0.2,
        ),
        data=DataConfig(batch_size=2, cache_dir={cache!r}),
        tokenizer=TokenizerConfig(name="word"),
        model=ModelConfig("lstm_lm", hidden_dim=4, num_layers=1),
        training=TrainingConfig(steps=2),
    )
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with twenty documents of which two are the same, a config, and a run of it."""
    root = tmp_path_factory.mktemp("place")
    lines = ["the same again", "the same again", *(f"number {n} of {n * n}" for n in range(18))]
    (root / "lines.txt").write_text("\n".join(lines) + "\n")
    text, cache = str(root / "lines.txt"), str(root / "cache")
    (root / "config.py").write_text(CONFIG.format(text=text, cache=cache))
    assert main(["train", f"--config={root}/config.py", f"--workdir={root}/run"]) == 0
    return root


def test_a_config_is_shown_and_its_page_written(place, tmp_path, capsys):
    assert main(["inspect", f"--config={place}/config.py", f"--output={tmp_path}/new"]) == 0
    output = capsys.readouterr().out
    assert "examples         12" in output
    assert "Example 2:" in output and "Example 3:" not in output
    assert "Batch of step 0: 2 rows of 12" in output and "none sees another" in output
    assert "the same again" in output  # twice in the training split
    page = tmp_path / "new" / "inspection-train.html"
    assert f"Written to {page}" in output
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_json_holds_all_of_it(place, tmp_path, capsys):
    page = tmp_path / "page.html"
    arguments = ["--examples=1", "--batches=2", "--split=validation", "--json"]
    assert main(["inspect", f"--config={place}/config.py", f"--output={page}", *arguments]) == 0
    report = json.loads(capsys.readouterr().out)
    assert len(report["examples"]["shown"]) == 1 and len(report["batches"]) == 2
    assert report["split"] == "validation" and report["examples"]["count"] == 4
    unknown = report["fields"]["text"]["unknown"]
    assert unknown["tokens"] > 0 and unknown["words"]
    assert page.is_file()


def test_a_run_keeps_its_page_among_its_results(place, capsys):
    assert main(["inspect", f"--workdir={place}/run", "--split=test", "--batches=0"]) == 0
    assert (place / "run" / "results" / "inspection-test.html").is_file()
    shown = capsys.readouterr().out
    assert "Batch of step" not in shown
    for run in (place / "run", lm_zoo.load(place / "run")):
        assert shown.startswith(f"{lm_zoo.inspect(run, 'test')}\n")


@pytest.mark.parametrize(
    "arguments, expected",
    [
        ((), "either --config or --workdir"),
        (("--config=ROOT/config.py", "--workdir=ROOT/run"), "either --config or --workdir"),
        (("--config=ROOT/config.py", "--split=valid"), "Did you mean 'validation'"),
        (("--config=ROOT/config.py", "more"), "unexpected argument 'more'"),
        (("--config=ROOT/config.py", "--examples=-1"), "examples"),
        (("--workdir=ROOT/nowhere",), "nowhere"),
        (("--config=ROOT/config.py", "--output=ROOT/lines.txt/page.html"), "lines.txt"),
        (
            ("--config=ROOT/config.py", "--config.corpus.documents=stream"),
            "'packed' needs documents",
        ),
        (
            (
                "--config=ROOT/config.py",
                "--split=test",
                "--config.corpus.test_fraction=0.0",
            ),
            "the test split of text_files is empty",
        ),
    ],
)
def test_mistakes_are_one_line_and_leave_no_page(place, capsys, monkeypatch, arguments, expected):
    monkeypatch.chdir(place)
    before = sorted(place.glob("*"))
    capsys.readouterr()
    status = main(["inspect", *(argument.replace("ROOT", str(place)) for argument in arguments)])
    errors = capsys.readouterr().err
    assert status == 2 and errors.count("\n") == 1 and expected in errors, errors
    assert sorted(place.glob("*")) == before


def test_training_on_packed_windows_of_a_stream_is_refused(place, capsys):
    command = ["train", f"--config={place}/config.py", f"--workdir={place}/new"]
    assert main([*command, "--config.corpus.documents=stream"]) == 2
    assert "set corpus.documents to 'file', 'line' or 'paragraph'" in capsys.readouterr().err
    assert not (place / "new").exists()
