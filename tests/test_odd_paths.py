"""Every path that can be written can be read, by every command."""

import io
import json
import shutil

import numpy as np
import pytest
from tensorboard.backend.event_processing.plugin_event_multiplexer import (
    EventMultiplexer,
)

from lm_zoo import checkpoints
from lm_zoo.cli.main import main
from tests.odd_names import ALL_AT_ONCE, ODD_NAMES

CONFIG = """
from lm_zoo.config import *


def get_config():
    return ExperimentConfig(
        task=TaskConfig("language_modeling", sequence_length=16, layout="windows", sample_length=0),
        corpus=CorpusConfig("text_files", data_dir={folder!r}, train_files=("*.txt",)),
        data=DataConfig(batch_size=4, cache_dir={folder!r} + "/cache"),
        tokenizer=TokenizerConfig(name="bpe", vocab_size=260),
        model=ModelConfig(
            "transformer_decoder",
            hidden_dim=8,
            num_layers=1,
            num_heads=2,
            context_length=16,
        ),
        training=TrainingConfig(steps=2, log_interval=1),
    )
"""


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_checkpoint_is_read_where_it_was_written(tmp_path, name):
    folder = tmp_path / name / "checkpoints"
    checkpoints.save(folder, 3, {"x": np.arange(4.0)}, {"step": 3})
    found = checkpoints.load_latest(folder)
    assert found.step == 3 and found.tensors["x"].tolist() == [0, 1, 2, 3]


@pytest.fixture(scope="module")
def odd_folder(tmp_path_factory):
    """A folder of that name, with text, a config, a cache and a run."""
    folder = tmp_path_factory.mktemp("odd") / ALL_AT_ONCE
    folder.mkdir()
    (folder / "a [x].txt").write_text("the cat sat on the mat and " * 60)
    (folder / "c%[1].py").write_text(CONFIG.format(folder=str(folder)))
    assert main(["train", f"--config={folder}/c%[1].py", f"--workdir={folder}/run[1]"]) == 0
    return folder


def test_commands_read_what_was_written(odd_folder, capsys, monkeypatch):
    monkeypatch.setenv("HOME", str(odd_folder))
    run = f"--workdir={odd_folder}/run[1]"
    texts = f"--input={odd_folder}/a [x].txt"
    for command, shown in [
        (["train", run], "Finished at step 2"),
        (["evaluate", run], "evaluation-test.json"),
        (["generate", run, "--max_new_tokens=2"], ""),
        (["score", run, texts], "perplexity"),
        (["inspect", run, f"--output={odd_folder}/page[1].html"], "page[1].html"),
        (["prepare", f"--config={odd_folder}/c%[1].py"], "It was there already"),
        (
            [
                "compare",
                f"{odd_folder}/run[1]",
                f"{odd_folder}/run[1]/results/evaluation-test.json",
            ],
            "ratio",
        ),
        (["tokenizer", "show", f"{odd_folder}/run[1]"], "bpe"),
        (["tokenizer", "train", "--name=byte", texts, f"--output={odd_folder}/t[1]"], "Saved"),
        (["tokenizer", "encode", "--tokenizer=~/t[1]", "a"], "97"),
        (["evaluate", "--workdir=~/run[1]"], "evaluation-test.json"),
    ]:
        capsys.readouterr()
        assert main(command) == 0, capsys.readouterr().err
        assert shown in capsys.readouterr().out
    resumed = odd_folder / "run[2]"
    shutil.copytree(odd_folder / "run[1]", resumed)
    shutil.rmtree(checkpoints.path_of(resumed / "checkpoints", 2))
    (resumed / "checkpoints" / "best.json").unlink()
    assert main(["train", f"--workdir={resumed}"]) == 0
    assert checkpoints.steps(resumed / "checkpoints") == [2]


def test_a_terminal_without_the_signs_of_a_text_breaks_nothing(odd_folder, monkeypatch):
    """`PYTHONIOENCODING=ascii`: JSON stays JSON, and gives back what it would in UTF-8."""
    run = f"--workdir={odd_folder}/run[1]"
    shown = {}
    for encoding in ("ascii", "utf-8"):
        shown[encoding] = []
        for command in (
            ["score", run, f"--input={odd_folder}/a [x].txt"],
            [
                "compare",
                f"{odd_folder}/run[1]",
                f"{odd_folder}/run[1]/results/evaluation-test.json",
            ],
            ["inspect", run, f"--output={odd_folder}/page.html", "--examples=1"],
            ["tokenizer", "encode", f"--tokenizer={odd_folder}/run[1]", "ü中😀"],
        ):
            for form in ([], ["--json"]):
                stream = io.TextIOWrapper(io.BytesIO(), encoding)
                monkeypatch.setattr("sys.stdout", stream)
                assert main([*command, *form]) == 0
                text = stream.buffer.getvalue().decode(encoding)
                shown[encoding].append(json.loads(text) if form else None)
    assert shown["ascii"] == shown["utf-8"]


def test_tensorboard_finds_the_curves(odd_folder):
    runs = EventMultiplexer().AddRunsFromDirectory(str(odd_folder / "run[1]")).Reload()
    events = runs.Tensors("train", "metrics/loss")
    assert [event.step for event in events] == [1, 2]


def test_what_is_exported_is_served(odd_folder, capsys):
    from lm_zoo.serving.served_model import ServedModel

    export = ["export", f"--workdir={odd_folder}/run[1]", f"--output={odd_folder}/ex[1]"]
    assert main([*export, "--signatures=score"]) == 0, capsys.readouterr().err
    assert (odd_folder / "ex[1]" / "run_1_" / "1").is_dir(), "a name that addresses can have"
    model = ServedModel(odd_folder / "ex[1]" / "run_1_")
    assert model.name == "run_1_"
    score = model.signatures["score"].function
    import tensorflow as tf

    assert np.isfinite(score(text=tf.constant(["the cat"]))["log_prob"].numpy()).all()


@pytest.mark.slow
def test_what_is_exported_for_others_is_imported(odd_folder, capsys):
    written = f"{odd_folder}/hugging[1]"
    export = ["export", f"--workdir={odd_folder}/run[1]"]
    assert main([*export, f"--output={written}", "--format=hugging_face"]) == 0
    command = ["import", f"--from={written}/run_1_-hugging_face", f"--workdir={written} imported"]
    assert main(command) == 0, capsys.readouterr().err
    assert main(["generate", f"--workdir={written} imported", "--max_new_tokens=2"]) == 0
