"""Every process that we start is free of the current folder: nothing that lies there is imported."""

import os
import pathlib
import shutil
import subprocess
import sys
import textwrap

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Names that the commands import: of a library, of the standard library, of `multiprocessing`.
NAMES = ("absl", "pickle", "json", "numpy", "tempfile", "multiprocessing", "jieba", "tokenizers")


@pytest.fixture
def hostile(tmp_path):
    """A folder with modules that leave a mark when they are imported, and a clone's folder."""
    place = tmp_path / "hostile"
    (place / "lm_zoo").mkdir(parents=True)  # what holds a clone has no __init__.py there
    for name in NAMES:
        mark = f"open({str(tmp_path / 'imported')!r}, 'a').write({name!r} + ' ')"
        (place / f"{name}.py").write_text(f"{mark}\nraise SystemExit('hostile {name}')\n")
    return place


def run(command, place, **variables):
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | variables
    finished = subprocess.run(
        command, check=False, cwd=place, env=environment, capture_output=True, text=True
    )
    marks = place.parent / "imported"
    assert not marks.exists(), marks.read_text()
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def installed(checkout, tmp_path):
    """The environment of a program that finds the package as an installed one, not by the folder."""
    packages = tmp_path / "packages"
    packages.mkdir()
    (packages / "lm_zoo").symlink_to(checkout / "lm_zoo")
    return {"PYTHONPATH": str(packages)}


CONSOLE_SCRIPT = "import sys; from lm_zoo.cli.main import main; sys.exit(main())"


@pytest.fixture
def console_script(tmp_path):
    """What pip makes of `lm-zoo`: a file in a folder of its own, which Python puts first."""
    script = tmp_path / "bin" / "lm-zoo"
    script.parent.mkdir()
    script.write_text(CONSOLE_SCRIPT)
    return [sys.executable, str(script)]


def test_launched_processes(hostile, console_script, tmp_path):
    found = installed(ROOT, tmp_path)
    output = run(
        [*console_script, "launch", "--workers=1", "--", "list", "models"], hostile, **found
    )
    assert "[worker 0] models:" in output


def test_the_module_run_by_name(hostile, tmp_path):
    shutil.rmtree(hostile / "lm_zoo")  # Python itself would find nothing else under that name
    found = installed(ROOT, tmp_path)
    launch = ["launch", "--workers=1", "--", "list", "models"]
    assert "lstm_lm" in run([sys.executable, "-m", "lm_zoo", *launch], hostile, **found)


def test_a_checkout_that_is_not_installed_still_runs_and_launches_itself(tmp_path):
    """From its own folder, and the processes are of the same copy, not of an installed one."""
    clone = tmp_path / "clone"
    shutil.copytree(ROOT / "lm_zoo", clone / "lm_zoo")
    initial = clone / "lm_zoo" / "__init__.py"
    initial.write_text(initial.read_text().replace('__version__ = "', '__version__ = "9.9.'))
    command = [sys.executable, "-m", "lm_zoo"]
    assert "lm-zoo 9.9." in run([*command, "--version"], clone)
    text = initial.read_text() + "\nimport sys; print('copy', __version__, sys.argv[1:])\n"
    initial.write_text(text)
    output = run([*command, "launch", "--workers=1", "--", "list", "models"], clone)
    assert "[worker 0] copy 9.9." in output


POOL = """
import sys
from lm_zoo.data.worker_pool import WorkerPool
with WorkerPool(len, 2) as pool:
    print(sorted(pool.run([(0, "a"), (1, "bc")])))
"""


def test_processes_that_prepare_text(hostile, tmp_path):
    script = tmp_path / "elsewhere" / "script.py"
    script.parent.mkdir()
    script.write_text(textwrap.dedent(POOL))
    output = run([sys.executable, str(script)], hostile, **installed(ROOT, tmp_path))
    assert output == "[(0, 1), (1, 2)]\n"


def test_a_path_in_the_current_folder_is_still_a_config(tmp_path):
    """And what a user puts on PYTHONPATH is found, the current folder too."""
    (tmp_path / "helpers.py").write_text("STEPS = 7\n")
    (tmp_path / "mine.py").write_text(
        "from helpers import STEPS\nfrom lm_zoo.config import *\n"
        "def get_config(): return ExperimentConfig(training=TrainingConfig(steps=STEPS))\n"
    )
    path = os.pathsep.join([str(ROOT), "."])
    command = [sys.executable, "-P", str(ROOT / "lm_zoo" / "__main__.py"), "prepare"]
    output = run(
        [*command, "--config=mine.py", "--config.corpus.name=synthetic"],
        tmp_path,
        PYTHONPATH=path,
        LM_ZOO_CACHE=str(tmp_path / "cache"),
    )
    assert "Lies in:" in output
