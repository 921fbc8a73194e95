"""The launcher's other kind of group: workers come back one by one, while the others go on."""

import time

from lm_zoo.distribution.launch.launched_process import LaunchedProcess
from lm_zoo.distribution.launch.launcher import (
    POLL_SECONDS,
    STALLED,
    USER_ERROR,
    Launcher,
)

KILLED = 137  # as shells report it


class ParameterServerLauncher(Launcher):
    """Starts a chief, workers and parameter servers; see `Launcher` for the arguments.

    A worker that fails is started again by itself, `max_restarts` times in all; when the chief or a
    parameter server fails, all start again from the last checkpoint. The chief's end ends all.

    Attributes:
        worker_restarts: How often a worker was started again by itself.
    """

    worker_restarts = 0

    def _run_once(self):
        tasks = list(self._tasks())
        group = [LaunchedProcess(self, *task) for task in tasks]
        chief, asked = group[0], False
        try:
            while chief.poll() is None and len(self._signals) < 2:
                if self._signals and not asked:
                    asked = True
                    chief.send(self._signals[0])
                for i, process in enumerate(group):
                    if i and process.poll() is not None and not asked:
                        if not self._may_return(process):
                            return process.status or 1, process.name
                        process.end()
                        group[i] = LaunchedProcess(self, *tasks[i])
                if chief.stalled(self.stall_seconds):
                    self.on_event(f"{chief.name} made no progress for {self.stall_seconds} s")
                    return STALLED, chief.name
                time.sleep(POLL_SECONDS)
            return (KILLED if chief.status is None else chief.status), chief.name
        finally:
            for process in group:
                process.end()

    def _may_return(self, process):
        """Whether a process that ended is to be started again by itself; says so."""
        if process.job == "ps" or process.status == USER_ERROR:
            return False
        if self.worker_restarts == self.max_restarts:
            return False
        self.worker_restarts += 1
        self.on_event(
            f"{process.name} failed (status {process.status}); starting it again by itself, "
            f"restart {self.worker_restarts} of {self.max_restarts}"
        )
        return True

    def _jobs(self):
        return {"chief": 1, "worker": self.workers, "ps": self.parameter_servers}
