"""Lines of UTF-8 text from files and from standard input: as they come, or all of them."""

import codecs
import contextlib
import os
import select
import sys

from lm_zoo.data.corpora.readers.source_file import MAX_LENGTH
from lm_zoo.data.corpora.text_files import MAX_BYTES, decode, read_text
from lm_zoo.errors import UserError
from lm_zoo.files import reason
from lm_zoo.files.input_files import open_input, open_input_or_pipe, read_at_most

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


def read_lines(field, path):
    """Returns the lines of a UTF-8 file, a list of strings without line ends.

    Args:
        field: The flag that named it, for errors.
        path: The file; - is standard input.

    Raises:
        UserError: If it cannot be read, or a file that is named is empty.
    """
    if path == "-":
        try:
            data = read_at_most("standard input", sys.stdin.buffer, MAX_BYTES)
        except OSError as error:
            raise UserError(f"{field}: standard input: {reason(error)}.") from None
        text = decode(field, "standard input", data)
    else:
        text = read_text(field, path)
    if not text:
        return []
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]


def read_aligned(named):
    """Returns the lines of several files, which have to be as many, a list for each file.

    A blank line is an empty text: of a source it has an empty translation, and sacrebleu counts an
    empty reference like any other.

    Args:
        named: `(flag, path)` for each file.

    Raises:
        UserError: For unequal numbers of lines, with both; and as `read_lines`.
    """
    files = [read_lines(field, path) for field, path in named]
    for (field, path), lines in zip(named, files, strict=True):
        check_as_many((*named[0], files[0]), (field, path, lines))
    return files


def check_as_many(one, other):
    """Raises a `UserError` unless two files, each `(flag, name, lines)`, have as many lines."""
    (one_flag, one_name, one_lines), (flag, name, lines) = one, other
    if len(lines) != len(one_lines):
        raise UserError(
            f"{flag}: {name!r} has {len(lines):,} lines, and {one_name!r} of {one_flag} has "
            f"{len(one_lines):,}; give files of as many lines."
        )
