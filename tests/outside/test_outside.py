"""A user's own task, model, corpus, tokenizer and cleaning step go the whole way, from outside.

`project/` is what a user has: a config file, and modules beside it. Commands run as processes of
their own, in another folder, and know nothing but what they are told.
"""

import json
import pathlib
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from lm_zoo import checkpoints
from lm_zoo.cli.main import main
from lm_zoo.config import TokenizerConfig
from lm_zoo.errors import UserError
from lm_zoo.registering_files import execute
from lm_zoo.text.tokenizers import train_tokenizer
from tests.curves import read_scalars
from tests.outside.conftest import ROOT, environment, forget
from tests.training.test_trainer import assert_same_tensors, final_tensors

CONFIG = pathlib.Path(__file__).parent / "project" / "my_config.py"
REGISTER = f"--register={CONFIG}"
TEXTS = ["sun Song dance!", "Loss, and grey RAIN"]
STEPS = 300


def start(place, *arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "lm_zoo", *arguments],
        cwd=place,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )


def lm_zoo(place, *arguments):
    """Returns what a command prints."""
    process = start(place, *arguments)
    output, errors = process.communicate()
    assert process.returncode == 0, errors
    return output


def refused(place, *arguments):
    """Returns the one line that a command ends with."""
    process = start(place, *arguments)
    output, errors = process.communicate()
    assert process.returncode == 2 and not output and errors.count("\n") == 1, output + errors
    return errors


def train(place, workdir, *arguments):
    return [
        "train",
        f"--config={CONFIG}",
        f"--workdir={workdir}",
        f"--config.data.cache_dir={place / 'cache'}",
        f"--config.training.steps={STEPS}",
        "--config.training.validation_interval=100",
        "--config.training.checkpoint_interval=20",
        *arguments,
    ]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with `run`, trained by the command."""
    place = tmp_path_factory.mktemp("outside")
    output = lm_zoo(place, *train(place, "run"))
    assert "Text: moods (drawn)" in output and "Text tokens (letters, vocabulary 17)" in output
    assert f"step {STEPS}: validation loss " in output and "accuracy 1.0000" in output
    return place


@pytest.fixture
def registered(nothing_registered):
    """What `my_config.py` registers, in this process, for a test."""
    execute(CONFIG, "--register")


def test_curves_have_the_tasks_figures(place):
    for split in ("train", "validation"):
        accuracy = read_scalars(place / "run" / split, "metrics_other/accuracy")
        assert accuracy[-1] == (STEPS, 1.0)


def test_a_run_that_is_stopped_ends_with_the_same_bits(place):
    workdir = place / "stopped"
    process = start(place, *train(place, workdir))
    while process.poll() is None and not checkpoints.steps(workdir / "checkpoints"):
        time.sleep(0.002)
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode == 143 and checkpoints.steps(workdir / "checkpoints")[-1] < STEPS
    line = refused(place, "train", f"--workdir={workdir}")
    assert "config.task.name: 'mood' is not built into lm_zoo; this run was trained with it" in line
    assert f"registered by {CONFIG}: give --register={CONFIG}," in line
    lm_zoo(place, "train", f"--workdir={workdir}", REGISTER)
    assert_same_tensors(final_tensors(workdir), final_tensors(place / "run"))


def test_two_replicas_learn_the_same(place):
    two = ["--config.runtime.strategy=mirrored", "--config.runtime.logical_cpus=2"]
    output = lm_zoo(place, *train(place, "two", *two))
    assert "mirrored, 2 replicas" in output
    one, two = (read_scalars(place / name / "train", "metrics/loss") for name in ("run", "two"))
    np.testing.assert_allclose(two, one, rtol=1e-3, atol=1e-5)


def test_it_is_evaluated(place):
    report = json.loads(lm_zoo(place, "evaluate", "--workdir=run", REGISTER, "--json"))
    assert report["task"] == "mood" and report["examples"] == 40
    assert report["figures"]["accuracy"] == 1.0 and report["better"]["accuracy"] == "max"
    assert (place / "run" / "results" / "evaluation-test.json").is_file()


PREDICT = """
import json, sys
import lm_zoo

def attempt():
    return lm_zoo.load("run").predict("mood_of", sys.argv[2:])

try:
    attempt()
except lm_zoo.UserError as error:
    print(json.dumps(str(error)))
sys.path.append(sys.argv[1])
lm_zoo.register("task", "mood", "mood:Mood")
lm_zoo.register("model", "tiny_gru", "tiny_gru:TinyGRU")
lm_zoo.register("tokenizer", "letters", "letters:Letters")
found = attempt()
print(json.dumps([found["mood"], [float(value) for value in found["log_prob"]]]))
try:
    lm_zoo.load("run").examples("train")
except lm_zoo.UserError as error:
    print(json.dumps(str(error)))
"""


@pytest.fixture(scope="module")
def in_python(place):
    """What a program gets: an error, the prediction, and an error of the corpus."""
    done = subprocess.run(
        [sys.executable, "-c", PREDICT, str(CONFIG.parent), *TEXTS],
        cwd=place,
        capture_output=True,
        text=True,
        env=environment(),
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_python_is_told_what_to_register_and_predicts_then(in_python):
    error, (moods, log_probs), no_corpus = in_python
    assert "call lm_zoo.register('task', 'mood', ...) first" in error and "\n" not in error
    assert moods == ["glad", "sad"] and max(log_probs) < 0
    # The text is needed for the training split alone.
    assert no_corpus.startswith("config.corpus.name: 'moods' is not built into lm_zoo;")


def test_its_export_is_verified_and_served(place, in_python, registered):
    pytest.importorskip("starlette", reason="the extra `serve` is not installed")
    from lm_zoo.serving.limits import ServingLimits
    from lm_zoo.serving.served_model import ServedModel
    from tests.serving.conftest import Server

    output = lm_zoo(place, "export", "--workdir=run", "--output=exports", REGISTER)
    assert "Verified by a process without lm_zoo" in output and "mood_of" in output
    folder = place / "exports" / "run"
    model = ServedModel(folder)
    with Server(model, ServingLimits()) as server:
        body = {"inputs": {"text": TEXTS}}
        status, answer = server.ask("POST", "/v1/models/run:predict", body)
    assert status == 200, answer
    _, (moods, log_probs), _ = in_python
    assert answer["outputs"]["mood"] == moods
    np.testing.assert_allclose(answer["outputs"]["log_prob"], log_probs, atol=1e-5)
    forget()
    expected = "is of kind 'letters', expected one of: bpe, .*--register=FILE"
    with pytest.raises(UserError, match=expected):
        ServedModel(folder)


def test_lists_and_hints_know_what_is_registered(registered, capsys):
    assert main(["list", "tokenizers"]) == 0
    assert "letters   " in capsys.readouterr().out
    assert main(["train", f"--config={CONFIG}", "--config.corpus.name=mods", "--workdir=x"]) == 2
    assert "unknown name 'mods'. Did you mean 'moods'?" in capsys.readouterr().err
    with pytest.raises(UserError, match="unknown name 'letter'. Did you mean 'letters'?"):
        train_tokenizer(TokenizerConfig("letter"), ())


def test_the_example_of_the_readme_trains_and_is_evaluated(tmp_path):
    text = (ROOT / "configs" / "README.md").read_text(encoding="utf-8")
    section = text.partition("## Your own model")[2].partition("\n## ")[0]
    lines = [line[4:] for line in section.splitlines() if line.startswith("    ") or not line]
    for part in "\n".join(lines).split("# ")[1:]:
        name, _, content = part.partition("\n")
        (tmp_path / name).write_text(content)
    short = ["--config.training.steps=2", f"--config.data.cache_dir={tmp_path / 'cache'}"]
    (command,) = re.findall("`lm-zoo (train [^`]*)`", section)
    assert "Model: narrow_gru" in lm_zoo(tmp_path, *command.split(), *short)
    assert "narrow_gru" in lm_zoo(tmp_path, "evaluate", "--workdir=runs/mine", "--register=mine.py")
