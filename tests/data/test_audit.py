"""`--audit_data`: what each worker trained on is recorded; that all data was used is proved."""

import json
import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest

from lm_zoo.cli.main import main
from lm_zoo.data.batching import audit_proof
from lm_zoo.data.batching.audit import DataAudit
from lm_zoo.data.batching.batches import ContiguousBatches, WindowBatches
from lm_zoo.data.batching.packed_batches import PackedBatches
from lm_zoo.distribution.row_layout import RowLayout
from lm_zoo.errors import UserError
from tests.small import random_documents, random_lengths

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROWS, LENGTH = 7, 6
BATCHES = {
    "windows": lambda split: WindowBatches(split, ROWS, LENGTH),
    "overlapping windows": lambda split: WindowBatches(split, ROWS, LENGTH, stride=4, seed=5),
    "contiguous": lambda split: ContiguousBatches(split, ROWS, LENGTH),
    "packed": lambda split: PackedBatches(split, ROWS, LENGTH),
}


@pytest.fixture(params=BATCHES)
def batches(request):
    return BATCHES[request.param](random_documents(random_lengths(90, 9), vocab_size=9))


def work(folder, batches, first, stop, workers=1):
    """Goes on at step `first` and makes steps up to `stop`, as that many workers would."""
    for worker in range(workers):
        rows = RowLayout(ROWS, workers, workers, worker).local_rows
        audit = DataAudit(folder, batches, lambda step, rows=rows: rows, worker, workers)
        with audit.recording_from(first):
            for step in range(first, stop):
                audit.record(step, [batches.batch(step, rows)])


def lines_of(folder, worker):
    return [json.loads(line) for line in (folder / f"worker-{worker}.jsonl").open()]


def rewrite(folder, worker, lines):
    path = folder / f"worker-{worker}.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.mark.parametrize("workers", [1, 2, 3, 4])
def test_epochs_by_any_number_of_workers_are_proved(tmp_path, batches, workers):
    steps = 3 * int(np.ceil(batches.steps_per_epoch))
    work(tmp_path, batches, 0, steps, workers)
    line = audit_proof.verify(tmp_path, batches, steps)
    assert re.search(r"was used exactly once in [23] whole epochs", line)
    assert f"({steps:,} steps, {workers} worker" in line


def test_killed_and_gone_on_with_other_numbers_of_workers(tmp_path, batches):
    work(tmp_path, batches, 0, 10, workers=2)
    with (tmp_path / "worker-1.jsonl").open("a") as half_written:
        half_written.write('{"step": 10, "ro')
    work(tmp_path, batches, 7, 20, workers=3)
    work(tmp_path, batches, 15, 30, workers=1)
    work(tmp_path, batches, 30, 40, workers=2)
    assert [line["step"] for line in lines_of(tmp_path, 0)] == list(range(40))
    assert [line["step"] for line in lines_of(tmp_path, 2)] == list(range(7, 15))
    assert "used exactly once" in audit_proof.verify(tmp_path, batches, 40)


def test_before_the_first_epoch_is_over(tmp_path, batches):
    work(tmp_path, batches, 0, 2)
    assert "no epoch is whole yet" in audit_proof.verify(tmp_path, batches, 2)


def test_a_run_that_was_not_recorded_from_its_start_is_refused(tmp_path, batches):
    with pytest.raises(UserError, match="holds 0 of the 5 steps"):
        work(tmp_path, batches, 5, 9)


def used(line):
    return line["windows"] if "windows" in line else line["targets"]


def test_data_used_twice_is_found(tmp_path, batches):
    work(tmp_path, batches, 0, 20, workers=2)
    lines = lines_of(tmp_path, 1)
    earlier = used(lines[1])[0]
    used(lines[6])[0] = earlier
    rewrite(tmp_path, 1, lines)
    with pytest.raises(UserError, match="step 6") as raised:
        audit_proof.verify(tmp_path, batches, 20)
    named = earlier if isinstance(earlier, int) else earlier[0]
    assert re.search(rf"\b{named}\b", str(raised.value))


def test_a_worker_that_trained_on_the_others_rows_is_found(tmp_path, batches):
    work(tmp_path, batches, 0, 20, workers=2)
    lines = lines_of(tmp_path, 0)
    used(lines[3])[:3] = used(lines_of(tmp_path, 1)[3])
    rewrite(tmp_path, 0, lines)
    with pytest.raises(UserError, match="step 3"):
        audit_proof.verify(tmp_path, batches, 20)


@pytest.mark.parametrize(
    "change, problem",
    [
        (lambda lines: lines[:4] + lines[5:], "step 4: rows 4 to 6 were used by no worker"),
        (lambda lines: lines[:19], "step 19: rows 4 to 6 were used by no worker"),
        (
            lambda lines: lines[:5] + lines[4:],
            "step 4: rows 4 to 6 were recorded after rows 0 to 6",
        ),
        (lambda lines: [*lines, {"step": 20, "rows": [0]}], "is damaged"),
    ],
)
def test_steps_left_out_or_recorded_twice_are_found(tmp_path, batches, change, problem):
    work(tmp_path, batches, 0, 20, workers=2)
    rewrite(tmp_path, 1, change(lines_of(tmp_path, 1)))
    with pytest.raises(UserError, match=problem):
        audit_proof.verify(tmp_path, batches, 20)


def test_a_record_that_ends_early_is_found(tmp_path, batches):
    work(tmp_path, batches, 0, 20)
    with pytest.raises(UserError, match="no worker recorded step 20, 21 steps were made"):
        audit_proof.verify(tmp_path, batches, 21)


def test_rows_that_are_not_the_steps_are_found_at_once(tmp_path, batches):
    audit = DataAudit(tmp_path, batches, lambda step: slice(0, ROWS))
    with audit.recording_from(0), pytest.raises(UserError, match="step 1 received the rows of"):
        audit.record(0, [batches.batch(0), batches.batch(2)])


def arguments(folder, *more):
    return [
        "train",
        "--config=synthetic_gru",
        f"--workdir={folder / 'run'}",
        f"--config.data.cache_dir={folder / 'cache'}",
        "--config.corpus.tokens=3000",
        "--config.task.layout=windows",
        "--config.data.batch_size=7",
        "--config.task.sequence_length=16",
        "--config.model.hidden_dim=8",
        "--config.training.steps=60",
        "--config.task.sample_length=0",
        "--audit_data",
        *more,
    ]


PROOF = "was used exactly once in 2 whole epochs, and 44 in the next, none of them twice"


def test_one_process_says_so_at_the_end(tmp_path, capsys):
    assert main(arguments(tmp_path)) == 0
    assert PROOF in capsys.readouterr().out
    assert [line["step"] for line in lines_of(tmp_path / "run/audit", 0)] == list(range(60))
    forged = lines_of(tmp_path / "run/audit", 0)
    forged[2]["windows"][0] = forged[1]["windows"][0]
    rewrite(tmp_path / "run/audit", 0, forged)
    assert main(arguments(tmp_path)) == 2
    output = capsys.readouterr()
    assert PROOF not in output.out
    assert f"window {forged[1]['windows'][0]} was used at step 1 and again at step 2" in output.err


@pytest.mark.parametrize(
    "launch, more",
    [
        (["launch", "--workers=2", "--"], []),
        pytest.param(
            [],
            ["--strategy=mirrored", "--config.runtime.logical_cpus=2"],
            marks=pytest.mark.slow,
        ),
    ],
    ids=["two workers", "mirrored"],
)
def test_divided_it_says_so_at_the_end(tmp_path, launch, more):
    command = [sys.executable, "-m", "lm_zoo", *launch, *arguments(tmp_path, *more)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert PROOF in done.stdout and done.stdout.count("Audit:") == 1
    kept = sorted(path.name for path in (tmp_path / "run/audit").iterdir())
    assert kept == ([f"worker-{i}.jsonl" for i in range(2)] if launch else ["worker-0.jsonl"])
