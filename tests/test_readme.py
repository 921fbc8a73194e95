"""The README is true: its commands and its Python run as they stand, on shortened training."""

import pathlib
import re
import shlex
import subprocess
import sys

import pytest

from lm_zoo.cli.main import main
from lm_zoo.data.corpora.synthetic_translation import draw_pairs

ROOT = pathlib.Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SHORT = ["--config.training.steps=2", "--config.model.num_layers=1"]


def commands(text):
    """The `lm-zoo` commands of a text's indented blocks, continued lines put together."""
    joined = text.replace("\\\n", " ")
    return [shlex.split(line) for line in re.findall(r"^ {4}(lm-zoo .*)$", joined, re.MULTILINE)]


def run(command):
    arguments = command[1:]
    if "train" in arguments and any(a.startswith("--config=") for a in arguments):
        arguments += SHORT
        if "--config=synthetic_translation" not in arguments:
            arguments += ["--config.task.sample_length=8"]
    assert main(arguments) == 0, command


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where a reader of the README would be: with the quickstart's second run, and some text."""
    folder = tmp_path_factory.mktemp("reader")
    (folder / "README.md").write_text("The class is an object.\nA function is one too.\n")
    for name, texts in zip(("source", "target"), zip(*draw_pairs(2, seed=9))):
        (folder / f"toy.{name}").write_text("\n".join(texts) + "\n")
    (folder / "mine.txt").write_text("It was a dark and stormy night. " * 1500)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("LM_ZOO_CACHE", str(folder / "cache"))
        name = "quickstart_transformer"
        run(["lm-zoo", "train", f"--config={name}", f"--workdir=runs/{name}"])
        run(["lm-zoo", "evaluate", f"--workdir=runs/{name}"])
        yield folder


def test_every_command_runs(folder, capsys):
    found = commands(README)
    assert {command[1] for command in found} == {
        "train", "evaluate", "generate", "score", "compare", "prepare", "inspect", "tokenizer",
        "launch",
        "list", "export", "import", "translate", "predict",
    }  # fmt: skip
    for command in found:
        run(command)
    output = capsys.readouterr().out
    assert "perplexity per token" in output and "transformer_decoder" in output


def test_every_piece_of_python_runs(folder):
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(blocks) == 2
    if not (folder / "runs" / "quickstart_lstm").exists():
        run(["lm-zoo", "train", "--config=quickstart_lstm", "--workdir=runs/quickstart_lstm"])
    for block in blocks:
        done = subprocess.run(
            [sys.executable, "-c", block],
            cwd=folder,
            env=environment(),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout


def environment():
    import os

    return os.environ | {"PYTHONPATH": str(ROOT)}


def test_the_scripts_it_names_exist_and_are_valid_bash():
    for name in set(re.findall(r"tools/\w+\.sh", README)):
        subprocess.run(["bash", "-n", ROOT / name], check=True)


def test_the_quickstarts_commands_are_those_of_the_command_line(folder, capsys):
    """Each `lm-zoo` line of the script, with its variables filled in, is accepted."""
    script = (ROOT / "tools" / "quickstart.sh").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = re.findall(r"^ *(lm-zoo (?:evaluate|compare|generate) .*)$", script, re.MULTILINE)
    assert len(lines) == 3
    for line in lines:
        line = line.replace("$runs", "runs").replace("$model", "transformer")
        line = line.replace("quickstart_lstm", "quickstart_transformer")
        run(shlex.split(line))
