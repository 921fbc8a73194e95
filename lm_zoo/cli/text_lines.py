"""Texts of files, one a line, and files of which each line belongs to the same line of another."""

import sys

from lm_zoo.errors import UserError


def read_lines(field, path):
    """Returns the lines of a UTF-8 file, a list of strings without line ends.

    Args:
        field: The flag that named it, for errors.
        path: The file; - is standard input.

    Raises:
        UserError: If it cannot be read, or a file that is named is empty.
    """
    from lm_zoo.data.corpora.text_files import decode, read_text

    if path == "-":
        text = decode(field, "standard input", sys.stdin.buffer.read())
    else:
        text = read_text(field, path)
    if not text:
        return []
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]


def read_aligned(named, may_be_blank=()):
    """Returns the lines of several files, which have to be as many, a list for each file.

    Args:
        named: `(flag, path)` for each file.
        may_be_blank: Flags whose files may have lines without text.

    Raises:
        UserError: For unequal numbers of lines, with both; for a line without text; and as
            `read_lines`.
    """
    files = [read_lines(field, path) for field, path in named]
    for (field, path), lines in zip(named, files, strict=True):
        check_as_many((*named[0], files[0]), (field, path, lines))
        blank = next((i for i, line in enumerate(lines, 1) if not line.strip()), None)
        if blank and field not in may_be_blank:
            raise UserError(
                f"{field}: {path!r}, line {blank:,} has no text; take the line out of all files."
            )
    return files


def check_as_many(one, other):
    """Raises a `UserError` unless two files, each `(flag, name, lines)`, have as many lines."""
    (one_flag, one_name, one_lines), (flag, name, lines) = one, other
    if len(lines) != len(one_lines):
        raise UserError(
            f"{flag}: {name!r} has {len(lines):,} lines, and {one_name!r} of {one_flag} has "
            f"{len(one_lines):,}; give files of as many lines."
        )
