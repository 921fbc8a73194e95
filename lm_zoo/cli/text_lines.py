"""Texts of files, one a line, and files of which each line belongs to the same line of another."""

import sys

from lm_zoo.errors import UserError
from lm_zoo.files import reason
from lm_zoo.input_files import read_at_most


def read_lines(field, path):
    """Returns the lines of a UTF-8 file, a list of strings without line ends.

    Args:
        field: The flag that named it, for errors.
        path: The file; - is standard input.

    Raises:
        UserError: If it cannot be read, or a file that is named is empty.
    """
    from lm_zoo.data.corpora.text_files import MOST_BYTES, decode, read_text

    if path == "-":
        try:
            data = read_at_most("standard input", sys.stdin.buffer, MOST_BYTES)
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
