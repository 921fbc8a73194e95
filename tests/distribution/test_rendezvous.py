"""All processes meet before anything else: who is missing, and in what they differ."""

import concurrent.futures
import json
import os
import pathlib
import socket
import subprocess
import sys
import time

import pytest

from lm_zoo.cli.main import main
from lm_zoo.distribution.cluster import Cluster
from lm_zoo.distribution.launch import meeting, rendezvous
from lm_zoo.distribution.launch.cluster_token import VARIABLE, SealedLines
from lm_zoo.distribution.launch.launcher import free_ports
from lm_zoo.errors import UserError

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOKEN = "a token of this test alone"


@pytest.fixture(autouse=True)
def token(monkeypatch):
    monkeypatch.setenv(VARIABLE, TOKEN)


def addresses(count):
    return [f"localhost:{port}" for port in free_ports(count)]


def meet_all(workers, present, timeout=20.0):
    """Has the `present` (index, description) meet at once; returns each one's error or None."""

    def meet(index, description):
        try:
            cluster = Cluster({"worker": workers}, "worker", index)
            rendezvous.meet(cluster, description, timeout)
        except UserError as error:
            return str(error)

    with concurrent.futures.ThreadPoolExecutor(len(present)) as pool:
        return list(pool.map(lambda arguments: meet(*arguments), present))


def test_all_meet_and_leave_the_ports_free():
    workers = addresses(4)
    same = {"config.seed": 1, "config.devices": ("a",)}
    for _ in range(2):
        assert meet_all(workers, [(i, same) for i in (3, 1, 0, 2)]) == [None] * 4


def test_the_chief_may_come_last():
    workers = addresses(2)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        other = pool.submit(meet_all, workers, [(1, {})])
        time.sleep(0.5)
        assert meet_all(workers, [(0, {})]) == [None]
        assert other.result() == [None]


def test_the_missing_are_named_to_all_who_came():
    workers = addresses(4)
    for line in meet_all(workers, [(0, {}), (2, {})], timeout=1.0):
        assert f"{workers[1]}, {workers[3]} did not report" in line
        assert "1 s" in line and workers[2] not in line


def test_a_chief_that_does_not_answer_is_named():
    workers = addresses(2)
    (line,) = meet_all(workers, [(1, {})], timeout=0.5)
    assert f"the chief at {workers[0]} did not answer within 0.5 s" in line
    assert "refused" in line


def test_a_host_that_is_not_known_is_named():
    (port,) = free_ports(1)
    (line,) = meet_all(["nowhere.invalid:1", f"localhost:{port}"], [(1, {})], timeout=0.5)
    assert "nowhere.invalid:1" in line


def test_everyone_is_told_which_fields_differ():
    workers = addresses(3)
    ours = {"config.seed": 1, "config.data.batch_size": 4, "lm_zoo version": "1"}
    theirs = {"config.seed": 2, "config.data.batch_size": 4, "tensorflow version": "2"}
    for line in meet_all(workers, [(0, ours), (1, ours), (2, theirs)]):
        assert f"config.seed: 1 at {workers[0]}, 2 at {workers[2]}" in line
        assert "lm_zoo version" in line and "tensorflow version" in line
        assert "batch_size" not in line and workers[1] not in line


def test_a_port_in_use_is_named_to_all():
    workers = addresses(3)
    with socket.create_server(("localhost", int(workers[1].split(":")[1]))):
        for line in meet_all(workers, [(0, {}), (1, {}), (2, {})]):
            assert f"cannot listen at {workers[1]}" in line and "in use" in line


def test_the_chiefs_own_port_in_use():
    workers = addresses(2)
    with socket.create_server(("localhost", int(workers[0].split(":")[1]))):
        (line,) = meet_all(workers, [(0, {})])
    assert f"cannot listen at {workers[0]}" in line


def report(chief, message):
    """Says something to the chief as another process would; returns its answer."""
    for _ in range(100):
        try:
            with socket.create_connection(("localhost", int(chief.split(":")[1]))) as connection:
                connection.sendall(message)
                answer = connection.makefile("rb").readline()
                return SealedLines(TOKEN.encode()).open(meeting.answer_to(message), answer)[
                    "problem"
                ]
        except ConnectionRefusedError:
            time.sleep(0.05)


def hello(address, process):
    message = {"address": address, "process": process, "description": {}, "problem": None}
    return SealedLines(TOKEN.encode()).seal(meeting.HELLO, message)


def test_two_processes_with_one_address_are_named(monkeypatch):
    monkeypatch.setattr(meeting, "GRACE_SECONDS", 0.3)
    workers = addresses(3)
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        chief = pool.submit(meet_all, workers, [(0, {})])
        others = [pool.submit(report, workers[0], hello(workers[1], name)) for name in ("p", "q")]
        for line in (*chief.result(), *(other.result() for other in others)):
            assert "p" in line and "q" in line and f"say that they are {workers[1]}" in line


def test_a_process_of_another_cluster_is_named_and_the_rest_not_waited_for(monkeypatch):
    monkeypatch.setattr(meeting, "GRACE_SECONDS", 0.3)
    workers = addresses(3)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        chief = pool.submit(meet_all, workers, [(0, {})])
        line = report(workers[0], hello("elsewhere:7", "process 7 on elsewhere"))
        assert "process 7" in line and "elsewhere:7" in line and "not in the cluster" in line
        assert chief.result() == [line]


def test_the_chief_waits_until_the_others_are_gone():
    workers = addresses(2)
    cluster = Cluster({"worker": workers}, "worker", 0)
    began = time.monotonic()
    rendezvous.wait_until_gone(cluster, 5)
    assert time.monotonic() - began < 2
    with socket.create_server(("localhost", int(workers[1].split(":")[1]))):
        began = time.monotonic()
        rendezvous.wait_until_gone(cluster, 0.3)
        assert time.monotonic() - began >= 0.3


def test_train_gives_up_in_time(tmp_path, monkeypatch, capsys):
    workers = addresses(2)
    task = {"type": "worker", "index": 1}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": {"worker": workers}, "task": task}))
    arguments = ["train", "--config=quickstart_lstm", f"--workdir={tmp_path / 'run'}"]
    assert main([*arguments, "--config.runtime.connect_seconds=1"]) == 2
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1 and workers[0] in errors and "within 1 s" in errors


def test_train_refuses_processes_that_differ(tmp_path):
    """Two processes; each says in one line in which fields, before the workdir is touched."""
    workers = addresses(2)
    processes = []
    for index, flags in enumerate((["--config.seed=1"], ["--config.runtime.micro_batches=2"])):
        task = {"type": "worker", "index": index}
        variable = json.dumps({"cluster": {"worker": workers}, "task": task})
        command = [sys.executable, "-m", "lm_zoo", "train", "--config=quickstart_lstm", *flags]
        processes.append(
            subprocess.Popen(
                [*command, f"--workdir={tmp_path / 'run'}"],
                cwd=ROOT,
                env=os.environ | {"TF_CONFIG": variable},
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    for process in processes:
        _, errors = process.communicate(timeout=200)
        assert process.returncode == 2 and errors.count("\n") == 1
        assert f"config.seed: 1 at {workers[0]}, 0 at {workers[1]}" in errors
        assert f"config.runtime.micro_batches: 1 at {workers[0]}, 2 at {workers[1]}" in errors
    assert not (tmp_path / "run").exists()
