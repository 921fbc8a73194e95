"""Asynchronous training by real servers and workers, some of which are killed."""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading

import pytest

from lm_zoo import checkpoints
from lm_zoo.config import ExperimentConfig, RuntimeConfig, TaskConfig
from lm_zoo.distribution.strategies import Distribution, default_distribution
from lm_zoo.errors import UserError
from lm_zoo.training.parameter_server import AsynchronousTrainStep
from tests.curves import read_scalars
from tests.small import text_step

ROOT = pathlib.Path(__file__).resolve().parents[2]
ENTROPY = 1.493950  # of the synthetic source, nats a symbol
TOKENS_PER_STEP = 8 * 16
CONFIG = """
from lm_zoo.config import *


def get_config():
    return ExperimentConfig(
        task=TaskConfig(
            "language_modeling",
            layout="windows",
            sequence_length=16,
            sample_length=0,
            evaluation_sequence_length=64,
        ),
        corpus=CorpusConfig("synthetic", tokens=20001),
        data=DataConfig(batch_size=8, cache_dir={cache!r}),
        model=ModelConfig("gru_lm", hidden_dim=24),
        optimizer=OptimizerConfig(learning_rate=0.01, clip_norm=1.0),
        training=TrainingConfig(
            steps={steps}, validation_interval=50, log_interval=100000, keep_checkpoints=100
        ),
        evaluation=EvaluationConfig(batch_size=8),
    )
"""


def _environment(pid):
    """Returns a process' environment variables; "" of one that has just ended."""
    try:
        return pathlib.Path(f"/proc/{pid}/environ").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


class Run:
    """`lm-zoo launch` of one config, whose lines are read as they come."""

    def __init__(self, folder, workdir, steps, workers, servers):
        config = folder / "tiny.py"
        config.write_text(CONFIG.format(cache=str(folder / "cache"), steps=steps))
        train = ["train", f"--config={config}", f"--workdir={workdir}", "--strategy=auto"]
        sizes = [f"--workers={workers}", f"--parameter_servers={servers}"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lm_zoo", "launch", *sizes, "--", *train],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines = []
        self._guard = threading.Timer(300, self.process.kill)
        self._guard.start()

    def wait_for(self, text):
        for line in self.process.stdout:
            self.lines.append(line)
            if text in line:
                return line
        raise AssertionError(f"no {text!r} in\n{''.join(self.lines)}")

    def kill(self, job, index):
        os.kill(self._pid_of(job, index), signal.SIGKILL)

    def finish(self):
        """Returns the exit status, having seen that no process of the group is left."""
        members = self._members()
        self.lines += self.process.stdout
        status = self.process.wait()
        self._guard.cancel()
        assert not [pid for pid in members if pathlib.Path(f"/proc/{pid}").exists()]
        return status

    def _pid_of(self, job, index):
        task = json.dumps({"type": job, "index": index})
        (pid,) = [pid for pid in self._members() if f'"task": {task}' in _environment(pid)]
        return pid

    def _members(self):
        pid = self.process.pid
        tasks = pathlib.Path(f"/proc/{pid}/task").glob("*/children")
        return [int(child) for path in tasks for child in path.read_text().split()]


def assert_exact(workdir, step):
    """Each step was made once, and its tokens were counted once."""
    tensors = checkpoints.load(checkpoints.path_of(workdir / "checkpoints", step)).tensors
    assert int(tensors["optimizer/0000"]) == step  # Keras' iterations
    assert float(tensors["sums/steps"]) == step
    assert float(tensors["sums/tokens"]) == step * TOKENS_PER_STEP


def test_a_killed_worker_comes_back_and_the_loss_falls_to_the_entropy(tmp_path):
    workdir = tmp_path / "run"
    run = Run(tmp_path, workdir, steps=150, workers=1, servers=1)
    run.wait_for("step 50: validation")
    run.kill("worker", 0)  # the only one: without it no step is made
    run.wait_for("worker 0 failed (status 137); starting it again by itself, restart 1 of 3")
    assert run.finish() == 0, "".join(run.lines)
    assert_exact(workdir, 50)
    assert_exact(workdir, 100)
    points = read_scalars(workdir / "validation", "metrics/loss")
    assert [step for step, _ in points] == [50, 100, 150]
    assert ENTROPY * 0.95 < points[-1][1] < ENTROPY * 1.05


@pytest.mark.slow
def test_it_stops_on_request_and_goes_on(tmp_path):
    workdir = tmp_path / "run"
    run = Run(tmp_path, workdir, steps=800, workers=2, servers=2)
    run.wait_for("step 100: validation")
    run.kill("worker", 0)
    run.kill("worker", 1)
    run.wait_for("step 300: validation")
    run.process.send_signal(signal.SIGTERM)
    assert run.finish() == 143, "".join(run.lines)
    stopped = int(re.search(r"saved at step (\d+)", "".join(run.lines))[1])
    assert 300 <= stopped < 800
    assert_exact(workdir, stopped)
    run = Run(tmp_path, workdir, steps=800, workers=1, servers=1)
    run.wait_for("step 500: validation")
    run.kill("ps", 0)
    run.wait_for("ps 0 failed (status 137); starting the group again, restart 1 of 3")
    assert run.finish() == 0, "".join(run.lines)
    assert_exact(workdir, 750)
    points = read_scalars(workdir / "validation", "metrics/loss")
    assert [step for step, _ in points] == list(range(50, 801, 50))
    assert ENTROPY * 0.95 < points[-1][1] < ENTROPY * 1.05


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda c: setattr(c.task, "layout", "contiguous"), "task.layout='contiguous' carries"),
        (lambda c: setattr(c.training, "precision", "float16"), "use 'bfloat16' or 'float32'"),
        (lambda c: setattr(c.training, "histogram_interval", 9), "updates overlap; received 9"),
    ],
)
def test_configs_that_need_an_order_of_steps_are_refused(change, message):
    config = ExperimentConfig(
        task=TaskConfig("language_modeling", layout="windows"),
        runtime=RuntimeConfig(strategy="parameter_server"),
    )
    change(config)
    distribution = Distribution("parameter_server", default_distribution().strategy)
    with pytest.raises(UserError, match=re.escape(message)):
        text_step(None, config, distribution, AsynchronousTrainStep)
