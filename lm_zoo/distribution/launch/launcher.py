"""Runs a group of processes on this machine: all or none, restarted together from what was saved.

TensorFlow cannot take one restarted worker back into a group that goes on, so when one fails the
others are ended too, and all start again from the last checkpoint.
"""

import dataclasses
import errno
import itertools
import json
import random
import secrets
import signal
import socket
import time

from lm_zoo.distribution.launch.launched_process import LaunchedProcess, shell_status

USER_ERROR = 2  # the same command would fail again
STALLED = 142  # as a shell reports a process that an alarm ended
PREEMPTED = 42  # all saved the same step on being asked to stop; go on from there
POLL_SECONDS = 0.1
FAILURE_SECONDS = 1  # for others to say why too, once one has failed
LINGER_SECONDS = 20  # for the others to end by themselves, once the chief has ended well
PORTS = range(20000, 32768)  # below those that Linux gives to outgoing connections


@dataclasses.dataclass
class GroupResult:
    """How a group ended.

    Attributes:
        status: Exit status for the launcher: 0 only if every process ended with 0.
        restarts: How often the group was started again after a failure.
        preemptions: How often it was started again after it had been asked to stop.
        signal: The signal that the launcher itself was given, or None.
    """

    status: int
    restarts: int
    preemptions: int
    signal: int | None = None


class Launcher:
    """Starts workers with `TF_CONFIG` set, and looks after them.

    Args:
        command: Program and arguments, the same for all.
        workers: How many workers.
        parameter_servers: How many parameter servers, for `ParameterServerLauncher`.
        max_restarts: Failures after which the group is started again; then it is given up.
        stall_seconds: Seconds without a sign of life from a process that gave one before, after
            which it counts as failed; 0 never.
        on_line: Called as `on_line(name, line, is_error)` with each line that a process writes.
        on_event: Called with a line about the group itself.
        network: A `PrivateNetwork` for the processes, or None for the machine's.
    """

    def __init__(
        self,
        command,
        workers,
        parameter_servers=0,
        max_restarts=3,
        stall_seconds=0,
        on_line=None,
        on_event=None,
        network=None,
    ):
        self.command = list(command)
        self.workers = workers
        self.parameter_servers = parameter_servers
        self.max_restarts = max_restarts
        self.stall_seconds = stall_seconds
        self.on_line = on_line or (lambda name, line, is_error: None)
        self.on_event = on_event or (lambda line: None)
        self.network = network
        self.token = secrets.token_hex(32)  # by which the group's processes know one another
        self._signals = []

    def run(self):
        """Runs the group to its end; returns a `GroupResult`."""
        restarts = preemptions = 0
        before = {s: signal.signal(s, self._note) for s in (signal.SIGINT, signal.SIGTERM)}
        try:
            while True:
                status, who = self._run_once()
                if status in (0, USER_ERROR) or self._signals:
                    break
                if status == PREEMPTED:
                    preemptions += 1
                    self.on_event("stopped and saved on request; starting the group again")
                    continue
                if restarts == self.max_restarts:
                    self.on_event(f"{who} failed (status {status}); {restarts} restarts used up")
                    break
                restarts += 1
                self.on_event(
                    f"{who} failed (status {status}); starting the group again, restart {restarts} "
                    f"of {self.max_restarts}"
                )
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        return GroupResult(status, restarts, preemptions, next(iter(self._signals), None))

    def _note(self, number, frame):
        self._signals.append(number)

    def _run_once(self):
        """Starts all, waits for all; returns `(status, name of the process that decided it)`."""
        workers = [LaunchedProcess(self, *task) for task in self._tasks()]
        chief, asked, deadline = workers[0], False, None
        try:
            while any(process.poll() is None for process in workers):
                if self._signals and not asked:
                    asked = True
                    for process in workers:
                        process.send(signal.SIGTERM)
                if deadline is None:
                    deadline = self._deadline(chief, workers)
                late = deadline is not None and time.monotonic() > deadline
                if late or len(self._signals) > 1:  # asked once more: at once
                    break
                stalled = [process for process in workers if process.stalled(self.stall_seconds)]
                if stalled:
                    first = min(stalled, key=lambda process: process.last_beat)
                    self.on_event(f"{first.name} made no progress for {self.stall_seconds} s")
                    return STALLED, first.name
                time.sleep(POLL_SECONDS)
            return self._verdict(workers)
        finally:
            for process in workers:
                process.end()

    def _deadline(self, chief, workers):
        """When to end those that still run: None as long as all is well."""
        statuses = [process.status for process in workers if process.status is not None]
        if any(status not in (0, PREEMPTED) for status in statuses):
            return time.monotonic() + FAILURE_SECONDS
        # It is the last to leave: the others go while it saves, however long that takes.
        return None if chief.status is None else time.monotonic() + LINGER_SECONDS

    def _verdict(self, workers):
        """The group's status: of the one that failed first, but a user's mistake before all."""
        failed = [process for process in workers if process.status not in (None, 0)]
        if not failed:
            late = [process for process in workers if process.status is None]
            return (shell_status(-signal.SIGKILL), late[0].name) if late else (0, "")
        # Being stopped on request says nothing about the one that failed.
        first = min(failed, key=lambda p: (p.status != USER_ERROR, p.status == PREEMPTED, p.ended))
        return first.status, first.name

    def _jobs(self):
        """Returns job -> number of its processes, the chief's job first."""
        return {"worker": self.workers}

    def _tasks(self):
        """Yields `(job, index, TF_CONFIG)` of each process."""
        jobs = self._jobs()
        addresses = (f"localhost:{port}" for port in free_ports(sum(jobs.values())))
        cluster = {job: list(itertools.islice(addresses, count)) for job, count in jobs.items()}
        for job, count in jobs.items():
            for index in range(count):
                task = {"type": job, "index": index}
                yield job, index, json.dumps({"cluster": cluster, "task": task})


def free_ports(count):
    """Returns ports of this machine that nothing listens on at the moment."""
    found = []
    for port in random.sample(PORTS, len(PORTS)):
        with socket.socket() as one:
            try:
                one.bind(("", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return found
    raise OSError(errno.EADDRINUSE, "no free ports")
