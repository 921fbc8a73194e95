"""Opening files that others made: regular ones, of a bounded size, so that nothing waits for ever.

A named pipe without a writer would block whoever opens it, and a device may have no end. All that is
wrong comes as an `OSError` with words of its own, which `lm_zoo.files.reason` shows.
"""

import errno
import io
import os
import select
import stat
import time

PATIENCE = 10.0  # seconds within which somebody has to open a named pipe for writing
_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def open_input(path):
    """Opens a regular file for reading bytes; it never waits.

    Args:
        path: The file; links are followed.

    Returns:
        A buffered binary file, to be used as a context manager.

    Raises:
        OSError: If it cannot be opened, or is a folder, a pipe, a socket or a device.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        _check_kind(path, os.fstat(descriptor).st_mode)
        return open(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def check_regular(path):
    """Raises an `OSError` unless a path leads to a regular file: for those whom others open."""
    _check_kind(path, os.stat(path).st_mode)


def read_input(path, most):
    """Returns the bytes of a regular file.

    Args:
        path: The file.
        most: Maximum size in bytes.

    Raises:
        OSError: If it is not a regular file that can be opened, or is larger.
    """
    with open_input(path) as file:
        return read_at_most(path, file, most)


def read_at_most(path, file, most):
    """Returns what is left of an opened binary file; an `OSError` if it is more than `most`."""
    pieces, size = [], 0
    while piece := file.read(min(most + 1 - size, 1 << 20)):
        pieces.append(piece)
        size += len(piece)
        if size > most:
            raise OSError(
                errno.EOVERFLOW, f"it has more than the maximum of {most:,} bytes", str(path)
            )
    return b"".join(pieces)


def open_input_or_pipe(path):
    """Opens a regular file, or a pipe with a writer, such as a shell's `<(command)`.

    Args:
        path: The file.

    Returns:
        A buffered binary file, to be used as a context manager.

    Raises:
        OSError: If it cannot be opened, is another kind of file, or is a pipe that no program opens
            for writing within `PATIENCE` seconds.
    """
    if not stat.S_ISFIFO(os.stat(path).st_mode):
        return open_input(path)
    pipe = _Pipe(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
    try:
        pipe.wait_for_writer(path)
        os.set_blocking(pipe.fileno(), True)
        return io.BufferedReader(pipe)
    except BaseException:
        pipe.close()
        raise


class _Pipe(io.FileIO):
    """A pipe that was opened without waiting for a writer."""

    _first = b""

    def wait_for_writer(self, path):
        deadline = time.monotonic() + PATIENCE
        polled = select.poll()
        polled.register(self.fileno(), select.POLLIN)
        while not polled.poll(0):  # neither bytes nor a writer that has come and gone
            try:
                # The end, where there is no writer; it is an error to find nothing of one's.
                if first := os.read(self.fileno(), 1):
                    self._first = first
                    return
            except BlockingIOError:
                return
            if time.monotonic() > deadline:
                raise OSError(
                    errno.ENXIO,
                    f"it is a pipe, and in {PATIENCE:g} seconds no program opened it for writing",
                    str(path),
                )
            time.sleep(0.02)

    def readinto(self, buffer):
        if not self._first:
            return super().readinto(buffer)
        buffer[:1], self._first = self._first, b""
        return 1


def _check_kind(path, mode):
    if stat.S_ISREG(mode):
        return
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    kind = _KINDS.get(stat.S_IFMT(mode), "not a regular file")
    raise OSError(errno.EINVAL, f"it is {kind}; expected a file", str(path))
