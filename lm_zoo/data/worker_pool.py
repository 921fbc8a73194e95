"""A few processes that each work one block at a time, and end with the process that began them."""

import contextlib
import functools
import multiprocessing
import os
import signal
import sys
import threading
import traceback
import types
from multiprocessing import connection, resource_tracker

from lm_zoo import registration
from lm_zoo.errors import UserError
from lm_zoo.registering_files import execute


class WorkerPool:
    """Runs a function in several processes; results come as they are ready, each with its key.

    At most one argument a process is on its way, so memory does not grow with what is to be done.
    Processes are spawned, not forked: threads (TensorFlow's) do not survive a fork.

    Args:
        function: Takes one argument and returns a value; it and its module can be pickled by name,
            and importing the module must not import TensorFlow. It is sent to each process once, which
            knows by then what is registered (`lm_zoo.register`).
        processes: How many.

    Use it as a context manager: leaving it ends the processes.
    """

    def __init__(self, function, processes):
        self.function = function
        self.processes = processes
        self._workers = []
        self._idle = []
        self._keys = {}  # connection -> key of what it works on

    def __enter__(self):
        registered = _registered()
        context = multiprocessing.get_context("spawn")
        with _main_hidden(), _current_folder_left_out(), _interrupts_blocked():
            for _ in range(self.processes):
                ours, theirs = context.Pipe()
                worker = context.Process(target=_serve, args=(theirs,), daemon=True)
                worker.start()
                theirs.close()
                self._workers.append((ours, worker))
        try:
            self._send(registered)
            self._send(self.function)
        except BaseException:
            self.__exit__()
            raise
        self._idle = [ours for ours, _ in self._workers]
        return self

    def _send(self, value):
        """Sends something to all processes."""
        for ours, _ in self._workers:
            try:
                ours.send(value)
            except ConnectionError:
                raise self._killed(ours) from None

    def __exit__(self, *exception):
        for ours, worker in self._workers:
            ours.close()
            worker.terminate()
        for _, worker in self._workers:
            worker.join()

    def run(self, jobs):
        """Yields `(key, result)` for each `(key, argument)` of an iterator, in any order.

        Raises:
            UserError, OSError: What the function raised.
            UserError: If a process was killed.
            RuntimeError: With the traceback of any other exception.
        """
        for key, argument in jobs:
            if not self._idle:
                yield from self._finished()
            ours = self._idle.pop()
            self._keys[ours] = key
            try:
                ours.send(argument)
            except ConnectionError:
                raise self._killed(ours) from None
        while self._keys:
            yield from self._finished()

    def _finished(self):
        for ours in connection.wait(list(self._keys)):
            try:
                value, error = ours.recv()
            except (EOFError, ConnectionError):
                raise self._killed(ours) from None
            if error is not None:
                raise error
            self._idle.append(ours)
            yield self._keys.pop(ours), value

    def _killed(self, ours):
        worker = dict(self._workers)[ours]
        worker.join(5)
        code = worker.exitcode
        how = f"by signal {-code}" if code is not None and code < 0 else f"with status {code}"
        why = ", as the system does when memory runs out" if code == -signal.SIGKILL else ""
        return UserError(
            f"runtime.data_processes: one of {self.processes} processes ended {how}{why}; rerun, "
            "with fewer processes if need be: finished work is kept."
        )


def _registered():
    """Returns what a process needs to know what is registered here: files, and what none registers.

    Raises:
        UserError: For what other processes cannot import.
    """
    by_program = registration.by_program(("tokenizer", "cleaning_step"))
    for kind, name, what in by_program:
        for part in (what, getattr(what, "function", None)):
            if getattr(part, "__module__", "") == "__main__":
                raise UserError(
                    f"register: {kind} {name!r} is defined in the running program, which the data "
                    "processes cannot import; move it into its own module, or set "
                    "runtime.data_processes to 1."
                )
    return registration.files(), by_program


def _received_function(theirs):
    """Makes known here what the parent has registered; returns the function to be done."""
    files, by_program = theirs.recv()
    try:
        for file in files:
            execute(file, "register")
        for registered in by_program:
            registration.register(*registered)
    except UserError as error:
        theirs.recv_bytes()  # it may need what is not there
        return functools.partial(_fail, str(error))
    return theirs.recv()


def _fail(message, argument):
    raise UserError(message)


def _serve(theirs):
    """What a worker process does until its parent closes the connection, or dies."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # the processes are the parallelism
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with contextlib.suppress(EOFError, OSError):
        function = _received_function(theirs)
        while True:
            theirs.send(_answer(function, theirs.recv()))


def _answer(function, argument):
    """Returns `(result, None)` or `(None, error)`."""
    try:
        return function(argument), None
    except UserError as error:
        return None, UserError(str(error))
    except OSError as error:
        return None, OSError(error.errno, error.strerror, error.filename)
    except Exception:
        return None, RuntimeError(f"in a data process:\n{traceback.format_exc()}")


def _end_with_parent():
    multiprocessing.parent_process().join()
    os._exit(1)


@contextlib.contextmanager
def _main_hidden():
    """Keeps spawned processes from running the user's script again, which may have no guard."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextlib.contextmanager
def _current_folder_left_out():
    """Keeps spawned processes from importing what lies in the current folder.

    `python -c` looks there first, and `multiprocessing` starts its processes so. What the parent
    may import they are told in any case.
    """
    name = "PYTHONSAFEPATH"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


@contextlib.contextmanager
def _interrupts_blocked():
    """Ctrl-C goes to all processes of a terminal; workers inherit that it is not for them."""
    resource_tracker.ensure_running()  # its start, which the first worker's brings, would unblock
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
