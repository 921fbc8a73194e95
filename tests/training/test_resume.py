"""Exact resume with real processes: whatever stops it, a run ends with the same bits."""

import pathlib
import random
import resource
import signal
import subprocess
import sys
import time

import pytest

from lm_zoo import checkpoints
from tests.curves import read_scalars
from tests.training.test_trainer import assert_same_tensors, final_tensors

ROOT = pathlib.Path(__file__).resolve().parents[2]
STEPS = 300
CURVES = [
    ("train", "metrics/loss"),
    ("train", "optimizer/gradient_norm"),
    ("train", "progress/tokens_seen"),
    ("validation", "metrics/loss"),
    ("", "metrics_over_tokens/loss_train"),
    ("", "metrics.best/loss"),
]
CONFIG = """
from lm_zoo.config import *


def get_config():
    return ExperimentConfig(
        task=TaskConfig(
            "language_modeling", sequence_length=16, sample_length=0, evaluation_sequence_length=64
        ),
        corpus=CorpusConfig("synthetic", tokens=9000),
        data=DataConfig(batch_size=4, cache_dir={cache!r}),
        model=ModelConfig("lstm_lm", hidden_dim=16, num_layers=2, dropout=0.2),
        optimizer=OptimizerConfig(learning_rate=0.01, ema_decay=0.9),
        schedule=ScheduleConfig(name="plateau"),
        training=TrainingConfig(
            steps={steps}, validation_interval=50, checkpoint_interval=7, log_interval=5
        ),
        evaluation=EvaluationConfig(batch_size=4),
    )
"""


@pytest.fixture(scope="module")
def config_file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("config")
    path = folder / "tiny.py"
    path.write_text(CONFIG.format(cache=str(folder / "cache"), steps=STEPS))
    return path


def start(config_file, workdir, **options):
    command = [sys.executable, "-m", "lm_zoo", "train", f"--config={config_file}"]
    return subprocess.Popen(
        [*command, f"--workdir={workdir}"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


@pytest.fixture(scope="module")
def undisturbed(config_file, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("undisturbed") / "run"
    finish(start(config_file, workdir))
    return workdir


def assert_same_end(workdir, undisturbed):
    assert_same_tensors(final_tensors(workdir), final_tensors(undisturbed))
    for split, tag in CURVES:
        found = read_scalars(workdir / split, tag)
        assert found == read_scalars(undisturbed / split, tag)
        steps = [step for step, _ in found]
        assert steps == sorted(set(steps))
    # How long it takes is another time each time, but every point is there once.
    steps, values = zip(*read_scalars(workdir / "time", "metrics_over_time/loss_train"))
    assert list(steps) == sorted(set(steps))
    assert list(values) == [loss for _, loss in read_scalars(undisturbed / "train", "metrics/loss")]


def newest_step(workdir):
    steps = checkpoints.steps(workdir / "checkpoints")
    return steps[-1] if steps else 0


def wait_for_progress(process, workdir, beyond):
    """Waits until a checkpoint after step `beyond` is there or the process has ended."""
    deadline = time.monotonic() + 120
    while process.poll() is None and newest_step(workdir) <= beyond:
        assert time.monotonic() < deadline, "no checkpoint within two minutes"
        time.sleep(0.002)


def finish(process):
    output = process.communicate()
    assert process.returncode == 0, output


def kill_again_and_again(config_file, workdir, kills, seed):
    """Runs the same command until it finishes, killing it `kills` times; returns kills done."""
    rng, done = random.Random(seed), 0
    while True:
        process = start(config_file, workdir)
        if done < kills:
            wait_for_progress(process, workdir, newest_step(workdir))
            time.sleep(rng.random() * 0.4)
            process.kill()
        output = process.communicate()
        if process.returncode == 0:
            return done
        assert process.returncode == -signal.SIGKILL, output
        done += 1


def kill_at_a_random_moment(process, workdir, seed):
    time.sleep(random.Random(seed).random() * 0.2)
    process.kill()
    output = process.communicate()
    assert process.returncode == -signal.SIGKILL, output


def interrupt(process, workdir, number, status):
    """It saves, and says how to go on."""
    before = newest_step(workdir)
    process.send_signal(number)
    _, errors = process.communicate()
    assert process.returncode == status, errors
    stopped = newest_step(workdir)
    assert before <= stopped < STEPS
    assert f"saved at step {stopped}" in errors.lower()
    assert f"--workdir={workdir}" in errors, "the command to go on with"
    assert "Traceback" not in errors


def stand_in_the_way(process, workdir, config_file):
    """A second process in the same workdir is refused."""
    process.send_signal(signal.SIGSTOP)
    try:
        second = start(config_file, workdir)
        _, errors = second.communicate()
        assert second.returncode == 2
        assert "another process is training" in errors
    finally:
        process.kill()
        process.communicate()


def fill_the_disk(config_file, workdir):
    """A file may grow to 20 kB only: less than a checkpoint, more than the events so far."""
    good = newest_step(workdir)

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    process = start(config_file, workdir, preexec_fn=limit)
    _, errors = process.communicate()
    assert process.returncode == 2, errors
    last_line = errors.strip().splitlines()[-1]
    assert "cannot write checkpoint" in last_line and f"step {good}" in last_line
    assert "Traceback" not in errors
    assert newest_step(workdir) == good


def test_whatever_stops_it_it_ends_with_the_same_bits(config_file, undisturbed, tmp_path):
    """One thing after another stops the run, each as soon as it has gone on a little."""
    workdir = tmp_path / "run"

    def go_on_until(stop, **arguments):
        process = start(config_file, workdir)
        wait_for_progress(process, workdir, newest_step(workdir))
        stop(process, workdir, **arguments)

    go_on_until(interrupt, number=signal.SIGINT, status=130)
    fill_the_disk(config_file, workdir)
    go_on_until(stand_in_the_way, config_file=config_file)
    go_on_until(kill_at_a_random_moment, seed=0)
    go_on_until(interrupt, number=signal.SIGTERM, status=143)
    go_on_until(kill_at_a_random_moment, seed=1)
    finish(start(config_file, workdir))
    assert_same_end(workdir, undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 6))
def test_killed_many_times_it_ends_with_the_same_bits(config_file, undisturbed, tmp_path, seed):
    kills = kill_again_and_again(config_file, tmp_path / "run", kills=20, seed=seed)
    print(f"seed {seed}: survived {kills} kills")
    assert kills >= 3
    assert_same_end(tmp_path / "run", undisturbed)
