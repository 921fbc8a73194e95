"""Real processes that train together and lose one of them: a run ends with the same bits."""

import contextlib
import json
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

from lm_zoo.cli.main import LOST_PROCESS
from lm_zoo.distribution.launch.launcher import USER_ERROR, Launcher, free_ports
from lm_zoo.distribution.launch.listening import has_outside_interface
from lm_zoo.distribution.launch.private_network import NoPrivateNetwork, PrivateNetwork
from tests.distribution.sockets import children, interfaces, listening, network_of
from tests.training.test_resume import CONFIG, ROOT, assert_same_end, newest_step
from tests.training.test_trainer import final_tensors

STEPS = 60
WORKER = pathlib.Path(__file__).with_name("faulty_worker.py")


@pytest.fixture(scope="module")
def config_file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("config")
    text = CONFIG.format(cache=str(folder / "cache"), steps=STEPS)
    path = folder / "tiny.py"
    path.write_text(text.replace("validation_interval=50", "validation_interval=20"))
    return path


def launch(config_file, workdir, *flags, workers=2, arguments=(), **options):
    """Starts `lm-zoo launch -- train`."""
    train = ["train", f"--config={config_file}", f"--workdir={workdir}", *arguments]
    return subprocess.Popen(
        [sys.executable, "-m", "lm_zoo", "launch", f"--workers={workers}", *flags, "--", *train],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def finish(process, status=0):
    """Waits for a launcher to end; returns what it wrote to standard error."""
    output, errors = process.communicate(timeout=400)
    assert process.returncode == status, output + errors
    assert "Traceback" not in errors
    return errors


@pytest.fixture(scope="module")
def watched(config_file, tmp_path_factory):
    """A run that nothing happens to: its workdir, and the sockets of its processes."""
    workdir = tmp_path_factory.mktemp("undisturbed") / "run"
    process = launch(config_file, workdir)
    sockets = watch(process)
    errors = finish(process)
    assert "WARNING" not in errors and "restart" not in errors
    return workdir, sockets, errors


@pytest.fixture(scope="module")
def undisturbed(watched):
    return watched[0]


def watch(launcher):
    """Waits for two processes that train; returns, of each, what is seen of it from outside.

    `(its network, its interfaces, where it listens, the ports there that answer us)`
    """
    while launcher.poll() is None:
        pids = children(launcher.pid)
        found = {pid: listening(pid) for pid in pids}
        if len(found) == 2 and all(found.values()):
            return [
                (network_of(pid), interfaces(pid), sorted(found[pid]), answering(found[pid]))
                for pid in pids
            ]
        time.sleep(0.05)
    return []


def answering(places):
    answered = []
    for _, port in places:
        for host in ("localhost", socket.gethostname()):
            with contextlib.suppress(OSError):
                socket.create_connection((host, port), timeout=1).close()
                answered.append(port)
    return answered


def test_nobody_else_reaches_the_servers_of_a_launched_cluster(watched):
    """TensorFlow's listen on all interfaces, as ever: there is only loopback in their network."""
    _, sockets, errors = watched
    try:
        PrivateNetwork().close()
    except NoPrivateNetwork as error:
        assert not has_outside_interface() or f"open to the network ({error})" in errors
        pytest.skip(f"no private network here: {error}")
    assert len(sockets) == 2 and sockets[0][0] == sockets[1][0] != network_of(os.getpid())
    for _, names, places, answered in sockets:
        assert names == {"lo"} and places and not answered
    assert "open to the network" not in errors


class FaultyRun:
    """Trains with faults (see `faulty_worker`); keeps the lines and events."""

    def __init__(self, config_file, workdir, faults, workers=2, **options):
        self.workdir, self.lines, self.events = workdir, [], []
        self.faults = workdir.with_name("faults.json")
        self.faults.write_text(json.dumps(faults))
        command = [sys.executable, str(WORKER), str(self.faults), "train"]
        self.result = Launcher(
            [*command, f"--config={config_file}", f"--workdir={workdir}"],
            workers,
            on_line=lambda name, line, is_error: self.lines.append(f"[{name}] {line}"),
            on_event=self.events.append,
            **options,
        ).run()
        happened = [self.faults.with_name(f"faults.json.{i}") for i in range(len(faults))]
        assert all(mark.exists() for mark in happened), self.said

    @property
    def said(self):
        return "\n".join([*self.lines, *self.events])


def fault(worker, at, step, number=signal.SIGKILL):
    return {"worker": worker, "at": at, "step": step, "signal": signal.Signals(number).name}


@pytest.fixture
def faulty_run(config_file, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return lambda *faults, **options: FaultyRun(config_file, tmp_path / "run", faults, **options)


def test_kills_and_preemption_one_after_another(faulty_run, undisturbed):
    """The chief dies in a save, a worker in validation, and another is asked to stop."""
    run = faulty_run(
        fault(0, "save", 10), fault(1, "evaluate", 19), fault(1, "step", 30, signal.SIGTERM)
    )
    result = run.result
    assert (result.status, result.restarts, result.preemptions) == (0, 2, 1), run.said
    assert "Traceback" not in run.said
    assert re.search(r"\[worker 0\] Stopped by SIGTERM and saved at step 3[12]\.", run.said)
    assert_same_end(run.workdir, undisturbed)
    assert not list((run.workdir / "checkpoints").glob(".*")), "work in progress is left"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("worker", "at"),  # only the chief, worker 0, saves
    [(0, "step"), (0, "save"), (0, "evaluate"), (1, "step"), (1, "evaluate")],
)
def test_killed_once(faulty_run, undisturbed, worker, at):
    run = faulty_run(fault(worker, at, 19))
    assert (run.result.status, run.result.restarts) == (0, 1), run.said
    assert_same_end(run.workdir, undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("worker", [0, 1])
def test_a_process_that_hangs_is_noticed_without_being_told_how(faulty_run, undisturbed, worker):
    """TensorFlow's own heartbeat; the others end within half a minute and say which it was."""
    run = faulty_run(fault(worker, "step", 25, signal.SIGSTOP))
    assert (run.result.status, run.result.restarts) == (0, 1), run.said
    assert f"worker {1 - worker} failed (status 75)" in run.events[0]
    assert "ended or cannot be reached" in run.said and "Traceback" not in run.said
    assert_same_end(run.workdir, undisturbed)


@pytest.mark.slow
def test_a_process_that_hangs_is_noticed_by_the_launcher(faulty_run, undisturbed):
    run = faulty_run(fault(1, "step", 25, signal.SIGSTOP), stall_seconds=5, max_restarts=10)
    assert run.result.status == 0 and run.result.restarts >= 1, run.said  # a busy machine is slow
    assert "made no progress for 5 s" in run.said
    assert_same_end(run.workdir, undisturbed)


@pytest.mark.slow
def test_a_full_disk_on_the_chief(faulty_run, config_file, undisturbed):
    run = faulty_run({"worker": 0, "at": "step", "step": 25, "full_disk": True})
    assert (run.result.status, run.result.restarts) == (USER_ERROR, 0), run.said
    assert "Traceback" not in run.said
    (line,) = [line for line in run.lines if "cannot write" in line]
    assert line.startswith("[worker 0]") and f"step {newest_step(run.workdir)}" in line
    finish(launch(config_file, run.workdir))
    assert_same_end(run.workdir, undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_launcher_asked_to_stop(config_file, undisturbed, tmp_path, number, status):
    workdir = tmp_path / "run"
    process = launch(config_file, workdir)
    wait_for_step(process, workdir, 14)
    process.send_signal(number)
    errors = finish(process, status)
    stopped = newest_step(workdir)
    assert 14 <= stopped < STEPS and f"saved at step {stopped}" in errors
    command = errors.split("lm-zoo launch: stopped. Go on with: ")[1].splitlines()[0]
    assert command.startswith("lm-zoo launch --workers=2 -- train ") and str(workdir) in command
    finish(launch(config_file, workdir))
    assert_same_end(workdir, undisturbed)


@pytest.mark.slow
def test_a_launcher_that_is_killed(config_file, undisturbed, tmp_path):
    workdir = tmp_path / "run"
    process = launch(config_file, workdir)
    wait_for_step(process, workdir, 14)
    process.kill()
    process.communicate(timeout=60)  # the pipes close when the workers are gone
    finish(launch(config_file, workdir))
    assert_same_end(workdir, undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 3])
def test_going_on_with_another_number_of_workers(faulty_run, config_file, undisturbed, workers):
    """Also with another number of replicas in one process."""
    run = faulty_run(fault(1, "step", 30), max_restarts=0)
    assert run.result.status == 137
    extra = ["--config.runtime.logical_cpus=2"] if workers == 1 else []
    finish(launch(config_file, run.workdir, workers=workers, arguments=extra))
    found, expected = final_tensors(run.workdir), final_tensors(undisturbed)
    assert found.keys() == expected.keys()
    for name in expected:  # a cell's state may be 5 and more
        np.testing.assert_allclose(found[name], expected[name], 1e-5, 1e-5, err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_killed_again_and_again_at_random(config_file, undisturbed, tmp_path, seed):
    """Either process, at any moment from its start on; one launcher sees to it all."""
    rng, kills, workdir = random.Random(seed), 0, tmp_path / "run"
    process = launch(config_file, workdir, "--max_restarts=100")
    while process.poll() is None and kills < 8:
        time.sleep(rng.uniform(1, 6))
        pids = children(process.pid)
        if len(pids) == 2:
            kills += kill(rng.choice(pids))
    finish(process)
    print(f"seed {seed}: survived {kills} kills")
    assert kills
    assert_same_end(workdir, undisturbed)


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return 0
    return 1


def wait_for_step(process, workdir, step):
    deadline = time.monotonic() + 200
    while newest_step(workdir) < step:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.slow
def test_workdirs_that_are_not_shared_are_found(config_file, tmp_path):
    """Each process has a folder of its own; only the chief's gets a checkpoint."""
    script = tmp_path / "own_folder.sh"
    script.write_text(
        'index=$(echo "$TF_CONFIG" | sed "s/.*index\\": //; s/}.*//")\n'
        f"exec {sys.executable} -m lm_zoo train --config={config_file} "
        f"--workdir={tmp_path}/run$index --config.training.steps=7\n"
    )
    lines = []
    launcher = Launcher(["sh", str(script)], 2, on_line=lambda *line: lines.append(line[1]))
    assert launcher.run().status == 0, lines
    assert newest_step(tmp_path / "run0") == 7 and not (tmp_path / "run1").exists()
    assert launcher.run().status == USER_ERROR
    assert any("expected a folder that all processes share" in line for line in lines)


@pytest.mark.slow
def test_processes_started_by_hand(config_file, undisturbed, tmp_path):
    """`TF_CONFIG` alone, no launcher; the one that is left says which is gone, and both go on."""
    workdir = tmp_path / "run"
    chief, other = by_hand(config_file, workdir)
    wait_for_step(chief, workdir, 14)
    other.kill()
    other.communicate()
    errors = finish(chief, LOST_PROCESS)
    assert "ended or cannot be reached" in errors.splitlines()[-1]
    assert not has_outside_interface() or "are open to the network" in errors.splitlines()[0]
    for process in by_hand(config_file, workdir):
        finish(process)
    assert_same_end(workdir, undisturbed)


def by_hand(config_file, workdir):
    """Starts a chief and a worker."""
    first, second = (f"localhost:{port}" for port in free_ports(2))
    jobs = {"chief": [first], "worker": [second]}
    command = [sys.executable, "-m", "lm_zoo", "train", f"--config={config_file}"]
    return [
        subprocess.Popen(
            [*command, f"--workdir={workdir}"],
            cwd=ROOT,
            env=os.environ | {"TF_CONFIG": json.dumps({"cluster": jobs, "task": task})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for task in ({"type": job, "index": 0} for job in jobs)
    ]
