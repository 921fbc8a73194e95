"""Strategies that this machine cannot run, or that cannot run this config: one line each."""

import json

import pytest

from lm_zoo.cli.main import main
from lm_zoo.config import ExperimentConfig, RuntimeConfig
from lm_zoo.distribution.row_layout import RowLayout
from lm_zoo.distribution.strategies import make_distribution
from lm_zoo.errors import UserError


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    for name in ("TF_CONFIG", "TPU_NAME", "SLURM_STEP_NUM_TASKS"):
        monkeypatch.delenv(name, raising=False)


def error_of(capsys, tmp_path, *flags):
    arguments = ["train", "--config=quickstart_lstm", f"--workdir={tmp_path / 'run'}", *flags]
    assert main(arguments) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert lines[-1].startswith("lm-zoo train: error: ")
    assert not (tmp_path / "run").exists()
    return lines[-1].removeprefix("lm-zoo train: error: ")


@pytest.mark.parametrize(
    "flags, message",
    [
        (["--strategy=multi_worker"], "runtime.strategy: multi_worker needs a cluster"),
        (["--strategy=parameter_server"], "runtime.strategy: parameter_server needs a cluster"),
        (["--config.runtime.devices=GPU:7"], "runtime.devices: there is no 'GPU:7'; expected"),
        (["--config.runtime.devices=99"], "runtime.devices: expected 1 to "),
        (["--config.runtime.devices=CPU:0,cpu:0"], "runtime.devices: expected different devices"),
        (
            ["--config.runtime.logical_cpus=0"],
            "config.runtime.logical_cpus: expected a whole number of at least 1",
        ),
        (["--strategy=mirorred"], "--strategy: expected one of auto, one_device, mirrored"),
    ],
)
def test_a_strategy_that_cannot_run_says_what_it_lacks(capsys, tmp_path, flags, message):
    assert error_of(capsys, tmp_path, *flags).startswith(message)


def test_without_a_tpu_there_is_one_line_within_the_time_limit(capsys, tmp_path):
    error = error_of(capsys, tmp_path, "--strategy=tpu", "--config.runtime.connect_seconds=60")
    assert error.startswith("runtime.tpu: no TPU at 'local' (")
    assert error.endswith("or use another runtime.strategy.")


def test_a_strategy_of_one_process_is_refused_in_a_cluster(monkeypatch):
    cluster = {"worker": ["localhost:1", "localhost:2"]}
    task = {"type": "worker", "index": 0}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": task}))
    with pytest.raises(UserError, match="describes a cluster of 2 workers, but mirrored runs in one"):
        make_distribution(RuntimeConfig(strategy="mirrored"))


def test_parameter_servers_are_asked_for_by_name(monkeypatch):
    cluster = {"worker": ["localhost:1", "localhost:2"]}
    task = {"type": "worker", "index": 0}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": task}))
    with pytest.raises(UserError, match="cluster.chief: parameter_server needs at least one"):
        make_distribution(RuntimeConfig(strategy="parameter_server"))


def test_missing_servers_are_named(monkeypatch):
    cluster = {"chief": ["localhost:1"], "worker": ["localhost:2"], "ps": ["localhost:3"]}
    task = {"type": "chief", "index": 0}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": task}))
    with pytest.raises(UserError, match="no answer from localhost:2, localhost:3 within 1 s"):
        make_distribution(RuntimeConfig(strategy="parameter_server", connect_seconds=1))


def test_generate_stays_in_one_process(monkeypatch, capsys, tmp_path):
    cluster = {"worker": ["localhost:1", "localhost:2"]}
    task = {"type": "worker", "index": 1}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": task}))
    assert main(["generate", f"--workdir={tmp_path}"]) == 2
    assert "generate: expected one process" in capsys.readouterr().err


def test_more_replicas_than_rows_are_refused():
    config = ExperimentConfig()
    with pytest.raises(
        UserError, match="data.batch_size: expected at least one row for each of the 40"
    ):
        RowLayout(config.data.batch_size, num_replicas=40)
