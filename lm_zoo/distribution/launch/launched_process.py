"""One process of a launched group: its place, its lines, its signs of life, its end."""

import ctypes
import functools
import os
import signal
import subprocess
import sys
import threading
import time

from lm_zoo.distribution.launch import cluster_token


class LaunchedProcess:
    """A member of a group, with a thread for each stream that it writes.

    Args:
        launcher: The `Launcher`, for its command and what it does with lines.
        job: Its job in the cluster: `chief`, `worker` or `ps`.
        index: Its index in the job, from 0.
        tf_config: Value of its environment variable `TF_CONFIG`.

    Attributes:
        name: Name to be shown, `worker 0`.
        last_beat: When `heartbeat` was last called there, on the monotonic clock, or None.
        ended: When it was first seen to have ended, or None.
    """

    def __init__(self, launcher, job, index, tf_config):
        self.job, self.index = job, index
        self.name = f"{job} {index}"
        reader, writer = os.pipe()
        environment = os.environ | {
            "TF_CONFIG": tf_config,
            cluster_token.VARIABLE: launcher.token,
            cluster_token.FILE_VARIABLE: "",
            "LM_ZOO_HEARTBEAT": str(writer),
            "PYTHONUNBUFFERED": "1",
            "PYTHONIOENCODING": "utf-8",  # what we read; our own output may have another
        }
        self._process = subprocess.Popen(
            launcher.command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            bufsize=1,
            pass_fds=(writer,),
            start_new_session=True,  # Ctrl-C reaches the launcher alone, which tells all
            preexec_fn=functools.partial(_begin, launcher.network),
        )
        os.close(writer)
        self.last_beat = None
        self.ended = None
        self._threads = [
            threading.Thread(target=self._copy, args=(launcher, stream, is_error), daemon=True)
            for stream, is_error in ((self._process.stdout, False), (self._process.stderr, True))
        ]
        self._threads.append(threading.Thread(target=self._listen, args=(reader,), daemon=True))
        for thread in self._threads:
            thread.start()

    def poll(self):
        """Returns Python's return code, None while it runs; notes when it ended."""
        code = self._process.poll()
        if code is not None and self.ended is None:
            self.ended = time.monotonic()
        return code

    @property
    def status(self):
        """Exit status as shells give it, None while it runs."""
        code = self.poll()
        return None if code is None else shell_status(code)

    def send(self, number):
        if self.poll() is None:
            self._process.send_signal(number)

    def stalled(self, seconds):
        running = self.poll() is None and self.last_beat is not None and seconds
        return bool(running and time.monotonic() - self.last_beat > seconds)

    def end(self):
        """Makes sure that the process and all that it started are gone."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._process.wait()
        for thread in self._threads:
            thread.join(5)

    def _copy(self, launcher, stream, is_error):
        with stream:
            for line in stream:
                launcher.on_line(self.name, line.rstrip("\n"), is_error)

    def _listen(self, reader):
        with open(reader, "rb", buffering=0) as beats:
            while beats.read(4096):
                self.last_beat = time.monotonic()


def heartbeat():
    """Tells the launcher, if this process has one, that it is getting on."""
    writer = os.environ.get("LM_ZOO_HEARTBEAT")
    if writer:
        try:
            os.write(int(writer), b".")
        except (OSError, ValueError):
            pass


def shell_status(returncode):
    """A shell's exit status: 128 and the signal's number for a process that one ended."""
    return 128 - returncode if returncode < 0 else returncode


def is_launched():
    """Whether a launcher started this process."""
    return bool(os.environ.get("LM_ZOO_HEARTBEAT"))


def _begin(network):
    """Enters the `PrivateNetwork`, and has the kernel end this process with the launcher (Linux)."""
    if network is not None:
        network.enter()
    if _LIBC is not None:
        set_parent_death_signal = 1
        _LIBC.prctl(set_parent_death_signal, signal.SIGKILL)


# Loaded here: little is safe between fork and exec in a program with threads.
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
