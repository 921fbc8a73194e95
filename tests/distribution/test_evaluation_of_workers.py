"""`lm-zoo launch -- evaluate` prints the ledger that one process prints, once."""

import json
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SIZES = [
    "--config.data.synthetic_tokens=5000",
    "--config.model.hidden_dim=16",
    "--config.training.steps=10",
    "--config.training.sample_length=0",
]


def lm_zoo(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", "lm_zoo", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("split, rows", [("test", 1), ("train", 7)])
def test_two_processes_find_the_ledger_of_one(tmp_path, split, rows):
    run = f"--workdir={tmp_path / 'run'}"
    cache = f"--config.data.cache_dir={tmp_path / 'cache'}"
    lm_zoo("train", "--config=synthetic_gru", run, cache, *SIZES)
    evaluate = ["evaluate", run, f"--split={split}", f"--batch_size={rows}", "--json"]
    one = json.loads(lm_zoo(*evaluate))
    lines = lm_zoo("launch", "--workers=2", "--", *evaluate).splitlines()
    assert all(line.startswith("[worker 0] ") for line in lines), "the chief alone prints"
    two = json.loads("\n".join(line.removeprefix("[worker 0] ") for line in lines))
    assert two.keys() == one.keys()
    for field, value in one.items():
        close = isinstance(value, float)  # sums of matrix products of other heights
        assert two[field] == (pytest.approx(value, rel=1e-7) if close else value), field
    path = tmp_path / "run" / "results" / f"evaluation-{split}.json"
    assert json.loads(path.read_text()) == two
