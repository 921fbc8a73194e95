"""The process's standard streams and arguments: text that no encoding of a terminal can break."""

import codecs
import contextlib
import os
import sys

from lm_zoo.errors import UserError

_ESCAPED = "lm_zoo.escaped"


def never_fail_to_encode():
    r"""Lets all text be written to standard output and error, whatever their encoding is.

    What it does not have is written as JSON's escapes, `\u00fc`: so JSON stays JSON.
    """
    codecs.register_error(_ESCAPED, _escape)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):  # not a stream of Python's own
            stream.reconfigure(errors=_ESCAPED)


def checked_arguments(arguments):
    """Raises a `UserError` for an argument that is not text in the system's encoding."""
    for argument in arguments:
        try:
            argument.encode("utf-8")
        except UnicodeEncodeError:
            given, encoding = os.fsencode(argument), sys.getfilesystemencoding()
            remedy = "write it in UTF-8, or rename the file"
            if encoding != "utf-8":
                remedy = f"this locale's encoding is {encoding}: set LC_ALL=C.UTF-8 or PYTHONUTF8=1"
            raise UserError(
                f"arguments: expected text in UTF-8, received the bytes {given!r}; {remedy}."
            ) from None


def abandon_stdout():
    """Points standard output at nothing, so that Python's last flush cannot fail again."""
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


def _escape(error):
    """Replaces what cannot be encoded by the escapes that JSON has for it."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    pairs = (units[i : i + 2] for i in range(0, len(units), 2))
    return "".join(f"\\u{pair.hex()}" for pair in pairs), error.end
