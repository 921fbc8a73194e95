"""The launcher's own part, with programs of a few lines in the place of training."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from lm_zoo.distribution.launch.launcher import (
    PREEMPTED,
    USER_ERROR,
    Launcher,
    free_ports,
)

ROOT = pathlib.Path(__file__).resolve().parents[2]
BEGINNING = """
import json, os, pathlib, signal, sys, time
config = json.loads(os.environ["TF_CONFIG"])
task, index = config["task"]["type"], config["task"]["index"]
folder = pathlib.Path(sys.argv[1])
turn = len(list(folder.glob(f"{task}{index}-*")))
(folder / f"{task}{index}-{turn}").write_text(str(os.getpid()))
def beat(): os.write(int(os.environ["LM_ZOO_HEARTBEAT"]), b".")
def wait_for(name):
    while not (folder / name).exists(): time.sleep(0.02)
def on_term(action): signal.signal(signal.SIGTERM, lambda *_: action())
"""


class Group:
    """A launcher of a small program, and what its processes wrote."""

    def __init__(self, folder, program, workers=2, **options):
        self.folder, self.lines, self.events = folder, [], []
        folder.mkdir(exist_ok=True)
        (folder / "program.py").write_text(BEGINNING + textwrap.dedent(program))
        self.launcher = Launcher(
            [sys.executable, str(folder / "program.py"), str(folder)],
            workers,
            on_line=lambda *line: self.lines.append(line),
            on_event=self.events.append,
            **options,
        )

    def run(self):
        result = self.launcher.run()
        deadline = time.monotonic() + 10  # the kernel takes a moment
        while any(map(running, self.pids())):
            assert time.monotonic() < deadline, "a process is left"
            time.sleep(0.02)
        return result

    def pids(self):
        return [int(path.read_text()) for path in self.folder.glob("*[0-9]-[0-9]")]


@pytest.fixture
def group(tmp_path):
    return lambda program, workers=2, **options: Group(
        tmp_path / "group", program, workers, **options
    )


def test_each_process_has_its_place_and_lines_say_whose_they_are(group):
    one = group("print(json.dumps(config)); print('oops', file=sys.stderr)", 3)
    result = one.run()
    assert (result.status, result.restarts, result.signal) == (0, 0, None)
    configs = {name: json.loads(line) for name, line, is_error in one.lines if not is_error}
    assert sorted(configs) == ["worker 0", "worker 1", "worker 2"]
    assert {str(config["cluster"]) for config in configs.values()} == {
        str(configs["worker 0"]["cluster"])
    }
    assert len(set(configs["worker 0"]["cluster"]["worker"])) == 3
    assert [configs[name]["task"]["index"] for name in sorted(configs)] == [0, 1, 2]
    assert ("worker 1", "oops", True) in one.lines


def test_when_one_fails_all_are_ended_and_started_again(group):
    one = group("if index == 1 and turn < 2: sys.exit(5)\nif turn < 2: time.sleep(600)")
    result = one.run()
    assert (result.status, result.restarts) == (0, 2)
    assert "worker 1 failed (status 5)" in one.events[0] and "restart 1 of 3" in one.events[0]
    assert len(one.pids()) == 6


def test_restarts_have_a_limit(group):
    one = group("os.kill(os.getpid(), signal.SIGKILL)", max_restarts=1)
    result = one.run()
    assert (result.status, result.restarts) == (137, 1)
    assert "1 restarts used up" in one.events[-1]


def test_a_users_mistake_is_not_tried_again(group):
    one = group(f"sys.exit({USER_ERROR}) if index == 1 else time.sleep(600)")
    assert one.run().status == USER_ERROR
    assert not one.events and len(one.pids()) == 2


def test_a_users_mistake_of_one_goes_before_failures_that_follow(group):
    one = group("sys.exit(75) if index == 0 else (time.sleep(0.5), sys.exit(2))")
    assert one.run().status == USER_ERROR


def test_a_group_that_was_preempted_goes_on_and_no_restart_is_used(group):
    one = group(f"sys.exit({PREEMPTED} if turn == 0 else 0)", max_restarts=0)
    result = one.run()
    assert (result.status, result.restarts, result.preemptions) == (0, 0, 1)


def test_a_failure_is_not_hidden_by_preemption(group):
    one = group(f"sys.exit({PREEMPTED}) if index == 0 else sys.exit(3)", max_restarts=0)
    assert one.run().status == 3


def test_a_process_that_makes_no_step_is_ended(group):
    one = group("beat()\nif turn == 0: time.sleep(600)", stall_seconds=1)
    result = one.run()
    assert (result.status, result.restarts) == (0, 1)
    assert "made no progress for 1 s" in one.events[0]


def test_the_stall_clock_begins_with_the_first_step(group):
    assert group("time.sleep(2)\nbeat()", stall_seconds=1).run().restarts == 0


def test_what_the_processes_started_is_ended_too(group):
    one = group(
        """
        import subprocess
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        (folder / f"child{index}-0").write_text(str(child.pid))
        if index == 0: sys.exit(2)
        time.sleep(600)
        """
    )
    assert one.run().status == 2


def test_all_are_asked_to_stop_and_none_is_started_again(group):
    one = group(
        f"""
        on_term(lambda: sys.exit({PREEMPTED}))
        (folder / f"ready{{index}}").touch()
        wait_for("ready0"), wait_for("ready1")
        if index == 0: os.kill(os.getppid(), signal.SIGTERM)
        time.sleep(600)
        """
    )
    before = signal.getsignal(signal.SIGTERM)
    result = one.run()
    assert (result.status, result.signal, len(one.pids())) == (PREEMPTED, signal.SIGTERM, 2)
    assert signal.getsignal(signal.SIGTERM) is before


def test_asked_twice_it_ends_at_once(group):
    one = group(
        """
        on_term(lambda: (folder / f"asked{index}").touch())
        (folder / f"ready{index}").touch()
        wait_for("ready0"), wait_for("ready1")
        if index == 0:
            os.kill(os.getppid(), signal.SIGINT)
            wait_for("asked1")
            os.kill(os.getppid(), signal.SIGINT)
        time.sleep(600)
        """
    )
    assert one.run().signal == signal.SIGINT


def test_workers_die_with_a_launcher_that_is_killed(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(BEGINNING + "time.sleep(600)")
    code = (
        "import sys; from lm_zoo.distribution.launch.launcher import Launcher; "
        f"Launcher([sys.executable, {str(program)!r}, {str(tmp_path)!r}], 2).run()"
    )
    launcher = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    try:
        deadline = time.monotonic() + 60
        while len(written(tmp_path)) < 2:
            assert time.monotonic() < deadline and launcher.poll() is None
            time.sleep(0.05)
    finally:
        launcher.kill()
        launcher.wait()
    while any(running(int(text)) for text in written(tmp_path)):
        assert time.monotonic() < deadline, "a worker outlived its launcher"
        time.sleep(0.05)


def written(folder):
    return [text for path in folder.glob("worker*-0") if (text := path.read_text())]


def running(pid):
    """Whether a process is there, and not only waiting for its exit status to be read."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_ports_are_free_and_different():
    ports = free_ports(50)
    assert len(set(ports)) == 50
    assert all(20000 <= port < 32768 for port in ports)
    assert os.environ.get("LM_ZOO_HEARTBEAT") is None
