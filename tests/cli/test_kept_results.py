"""What a command finds is shown before what can fail, and what was not kept is said."""

import io
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from lm_zoo.cli.main import main

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONFIG = """
from lm_zoo.config import *


def get_config():
    return ExperimentConfig(
        task=TaskConfig("language_modeling", layout="windows", sequence_length=16, sample_length=0),
        corpus=CorpusConfig("synthetic", tokens=2000),
        data=DataConfig(batch_size=4, cache_dir={cache!r}),
        model=ModelConfig("gru_lm", hidden_dim=8, num_layers=1),
        training=TrainingConfig(steps=2),
    )
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kept")
    (folder / "config.py").write_text(CONFIG.format(cache=str(folder / "cache")))
    assert main(["train", f"--config={folder}/config.py", f"--workdir={folder}/run"]) == 0
    return folder


@pytest.fixture
def run(trained, tmp_path):
    shutil.copytree(trained / "run", tmp_path / "run")
    return tmp_path / "run"


@pytest.mark.parametrize(
    "command, shown, name",
    [
        (["evaluate"], "checkpoint               step 2", "evaluation-test.json"),
        (["evaluate", "--json"], '"perplexity"', "evaluation-test.json"),
        (["inspect"], "vocabulary", "inspection-train.html"),
    ],
)
def test_a_result_that_cannot_be_kept_is_shown(run, capsys, command, shown, name):
    (run / "results").write_text("a file in the way")
    assert main([*command, f"--workdir={run}"]) == 2
    output, errors = capsys.readouterr()
    assert shown in output and "Written to" not in output
    assert errors.count("\n") == 1 and "was not kept: cannot write" in errors and name in errors


def test_a_result_that_cannot_be_shown_is_kept(run, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(open("/dev/full", "wb", buffering=0)))
    assert main(["evaluate", f"--workdir={run}"]) == 2
    assert "standard output: No space left on device" in capsys.readouterr().err
    assert (run / "results" / "evaluation-test.json").is_file()


# Root may do everything, unless these are taken away from it.
OBEYING = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if not os.geteuid() else []
READ_ONLY = ["unshare", "-m", "bash", "-c"]
MOUNTED = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'


def lm_zoo(prefix, *arguments):
    """Runs the command in a process of its own; skips where the prefix cannot be had."""
    if prefix and subprocess.run([*prefix, "true"], capture_output=True).returncode:
        pytest.skip(f"{prefix[0]} is not allowed here")
    return subprocess.run(
        [*prefix, sys.executable, "-m", "lm_zoo", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )


def test_no_permission_is_one_line_everywhere(run):
    """Each command in one process: it is TensorFlow's import that takes the time."""
    program = (
        "import sys; from lm_zoo.cli.main import main\n"
        "for command in sys.argv[2:]:\n"
        "    print(main(command.split('|') + [sys.argv[1]]), file=sys.stderr)\n"
    )

    def statuses(*commands):
        done = subprocess.run(
            [*OBEYING, sys.executable, "-c", program, f"--workdir={run}", *commands],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        *lines, rest = done.stderr.split("\n")
        assert rest == "" and len(lines) == 2 * len(commands), done.stderr
        assert lines[1::2] == ["2"] * len(commands)
        assert all("Permission denied" in line for line in lines[::2]), lines
        return done.stdout

    os.chmod(run, 0o500)
    (run / "results").mkdir(exist_ok=True) if os.geteuid() == 0 else None
    if (run / "results").is_dir():
        os.chmod(run / "results", 0o500)
    try:
        shown = statuses("train", "evaluate", "inspect|--examples=1")
        assert "step 2" in shown and "vocabulary" in shown
        weights = next(run.glob("checkpoints/*/tensors.data*"))
        os.chmod(weights, 0)
        statuses("evaluate", "export|--output=elsewhere")
        os.chmod(run / "config.json", 0)
        statuses("train", "evaluate", "generate", "inspect", "export|--output=elsewhere")
    finally:
        os.chmod(run, 0o700)


def test_a_read_only_run_is_evaluated(run):
    done = lm_zoo([*READ_ONLY, MOUNTED, str(run)], "evaluate", f"--workdir={run}")
    assert done.returncode == 2 and "checkpoint               step 2" in done.stdout
    assert "was not kept" in done.stderr and "Read-only file system" in done.stderr
    assert done.stderr.count("\n") == 1
