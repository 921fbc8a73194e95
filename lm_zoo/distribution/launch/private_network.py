"""A network of this machine's own, with nothing but loopback, for processes that talk to each other.

TensorFlow's servers listen on all interfaces and do what anyone who reaches them says; they can
neither be given an address nor a password. In a network namespace of Linux all interfaces are
loopback, and no one outside reaches it, not even other programs of the same machine.
"""

import ctypes
import os
import pathlib
import subprocess
import sys

PROCESS = pathlib.Path(__file__).with_name("private_network_process.py")
NAMESPACES = {"user": 0x10000000, "net": 0x40000000}  # CLONE_NEWUSER, CLONE_NEWNET


class NoPrivateNetwork(Exception):
    """There can be none here; the message says why."""


class PrivateNetwork:
    """Makes a network; it lasts as long as this object is open or a process is in it.

    Needs Linux, and the right to make a user namespace, or a network namespace as root has it: both
    are often withheld inside containers. Use it as a context manager, which closes it.

    Raises:
        NoPrivateNetwork: If the system does not allow it.
    """

    def __init__(self):
        self._files = {}  # namespace -> open file, in the order to enter them in
        if sys.platform != "linux":
            raise NoPrivateNetwork(f"{sys.platform} has no network namespaces")
        command = [sys.executable, "-I", "-S", str(PROCESS)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        try:
            with subprocess.Popen(command, text=True, **pipes) as maker:
                said = maker.stdout.readline().strip()
                if said != "ready":
                    raise NoPrivateNetwork(said or "the system ended the process that made it")
                for name in NAMESPACES:
                    path = f"/proc/{maker.pid}/ns/{name}"
                    if os.stat(path).st_ino != os.stat(f"/proc/self/ns/{name}").st_ino:
                        self._files[name] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                maker.stdin.close()
            subprocess.run(
                [sys.executable, "-I", "-S", "-c", ""], preexec_fn=self.enter, check=True
            )
        except (OSError, subprocess.SubprocessError) as error:
            self.close()
            raise NoPrivateNetwork(getattr(error, "strerror", None) or str(error)) from None

    def enter(self):
        """Moves the calling process, which must have one thread, into the network for good.

        Raises:
            OSError: If the system does not allow it.
        """
        for name, file in self._files.items():
            if _LIBC.setns(file, NAMESPACES[name]):
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number))

    def close(self):
        """Leaves the network to the processes in it."""
        for file in self._files.values():
            os.close(file)
        self._files = {}

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()


# Loaded here: little is safe between fork and exec in a program with threads.
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
