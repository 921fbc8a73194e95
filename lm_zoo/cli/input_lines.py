"""Lines of UTF-8 text from files and from standard input, as they come."""

import codecs
import contextlib
import os
import select
import sys

from lm_zoo.data.corpora.source_file import MAX_LENGTH
from lm_zoo.errors import UserError
from lm_zoo.files import reason
from lm_zoo.input_files import open_input, open_input_or_pipe

PATIENCE = 0.05  # seconds that the next line of a pipe may take before it counts as a pause
_PIECE = 65536  # bytes


class InputLines:
    """The lines of one file or several, one after the other.

    Files are read through at once, so that what is wrong with one is said before any work is done;
    standard input and pipes are read as they come, with a None where the next line is not there
    yet. A byte order mark is dropped, and so is the carriage return that ends a line.

    Args:
        paths: Files; "-" is standard input.

    Attributes:
        total: Number of lines, or None where a pipe is among the files.

    Raises:
        UserError: For a file that is missing, unreadable or not UTF-8, a line longer than
            `MAX_LENGTH`, and a pipe that nobody writes to.
    """

    def __init__(self, paths):
        self._paths = paths
        self._pipes = {path: _opened_pipe(path) for path in paths if _is_pipe(path)}
        counts = [
            None if path in self._pipes else sum(1 for _ in _lines_of_file(path)) for path in paths
        ]
        self.total = None if None in counts else sum(counts)
        self._begun = []  # (lines before it, file)
        self._number = 0

    def __iter__(self):
        for path in self._paths:
            name = "standard input" if path == "-" else path
            self._begun.append((self._number, name))
            lines = _lines_of_file(path)
            if path in self._pipes:
                lines = _lines_of_pipe(self._pipes[path], name)
            for line in lines:
                self._number += line is not None
                yield line

    def name_of(self, number):
        """What an error calls a line that was given out, from its number in all."""
        before, name = next(entry for entry in reversed(self._begun) if entry[0] < number)
        return f"{name}, line {number - before}"


def _is_pipe(path):
    """Whether it can be read once only."""
    return path == "-" or (
        os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)
    )


def _opened_pipe(path):
    if path == "-":
        return sys.stdin.buffer
    with _says_what_cannot_be_read(path):
        return open_input_or_pipe(path)


def _lines_of_file(path):
    with _says_what_cannot_be_read(path), open_input(path) as file:
        number = 0
        while line := file.readline(MAX_LENGTH + 1):
            number += 1
            _check_length(len(line), number, path)
            yield _decoded(line, number, path)


@contextlib.contextmanager
def _says_what_cannot_be_read(path):
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"--input: there is no file {path!r}; check the path.") from None
    except OSError as error:
        raise UserError(f"--input: cannot read {path!r}: {reason(error)}.") from None


def _lines_of_pipe(stream, name):
    """Yields lines, and None once where the next one lets itself be waited for."""
    number, begun, length = 1, [], 0
    for piece in _pieces(stream):
        if piece is None:
            yield None
            continue
        first, *rest = piece.split(b"\n")
        begun.append(first)
        length += len(first)
        _check_length(length, number, name)
        for line in rest:
            yield _decoded(b"".join(begun), number, name)
            number, begun, length = number + 1, [line], len(line)
    if last := b"".join(begun):
        yield _decoded(last, number, name)


def _check_length(length, number, name):
    if length > MAX_LENGTH:
        raise UserError(
            f"--input: {name}, line {number:,}: it is longer than {MAX_LENGTH >> 20} MiB; cut it "
            "into shorter ones."
        )


def _pieces(stream):
    """Yields what can be read of a binary stream, and None before it has to be waited for."""
    try:
        descriptor = stream.fileno()
    except OSError:  # no stream of the operating system's
        yield stream.read()
        return
    while True:
        if not select.select([descriptor], [], [], PATIENCE)[0]:
            yield None
        piece = stream.read1(_PIECE)
        if not piece:
            return
        yield piece


def _decoded(line, number, name):
    if number == 1:
        line = line.removeprefix(codecs.BOM_UTF8)
    try:
        return line.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(
            f"--input: {name}, line {number}: expected UTF-8, received byte "
            f"0x{line[error.start]:02x} as byte {error.start + 1}; convert the text to UTF-8."
        ) from None
