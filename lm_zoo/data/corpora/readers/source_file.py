"""One file of text on the disk: its name in errors and fingerprints, and that it stays as it is."""

import dataclasses
import os
import pathlib
import stat

from lm_zoo.errors import UserError
from lm_zoo.files import raise_if_of_system, reason

COMPRESSIONS = (".gz", ".bz2", ".xz", ".zst")
FORMATS = {  # suffix -> how its records are read
    ".jsonl": "json lines",
    ".ndjson": "json lines",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
}
TEXT_SUFFIXES = (".txt", ".text", ".tokens", ".raw", ".md", ".rst", ".tex", ".htm", ".html", ".xml")
ARCHIVES = (".zip", ".tar", ".tgz", ".7z", ".rar", ".tbz2", ".txz")
MAX_LENGTH = 128 << 20  # bytes of UTF-8 in one line, record or document


@dataclasses.dataclass(frozen=True)
class SourceFile:
    """A file as it was found; reading it later fails if it is no longer the same.

    Attributes:
        field: The config field that named it, for errors.
        path: Where it is.
        name: Its name in the fingerprint: relative to the folder that was named.
        is_named: Whether the user named this very file, not a folder or a pattern.
        state: Size in bytes, time of change in nanoseconds, and inode.
    """

    field: str
    path: pathlib.Path
    name: str
    is_named: bool
    state: tuple

    @classmethod
    def found(cls, field, path, name=None, is_named=True):
        """Returns the file at a path.

        Raises:
            UserError: If it is missing, a folder, or cannot be looked at.
        """
        path = pathlib.Path(path)
        try:
            if path.is_dir():
                raise UserError(f"{field}: expected a text file, {str(path)!r} is a folder.")
            if not stat.S_ISREG(os.stat(path).st_mode):
                raise UserError(
                    f"{field}: expected a file that can be read more than once, {str(path)!r} is a "
                    "pipe or device; write it to a file first."
                )
            return cls(field, path, name or path.name, is_named, _state(path))
        except FileNotFoundError:
            raise UserError(f"{field}: there is no file {str(path)!r}; check the path.") from None
        except OSError as error:
            raise UserError(f"{field}: could not read {str(path)!r}: {reason(error)}.") from None

    @property
    def size(self):
        """Bytes on the disk."""
        return self.state[0]

    @property
    def compression(self):
        """`.gz`, ...; empty for a plain file."""
        suffix = self.path.suffix.lower()
        return suffix if suffix in COMPRESSIONS else ""

    @property
    def format(self):
        """A value of `FORMATS` for a file of records, else `text`."""
        path = self.path.with_suffix("") if self.compression else self.path
        return FORMATS.get(path.suffix.lower(), "text")

    def error(self, message, line=None, unit="line"):
        """Builds the `UserError` that names this file and, where it is known, the line."""
        place = f", {unit} {line:,}" if line else ""
        return UserError(f"{self.field}: {str(self.path)!r}{place}: {message}")

    def check_unchanged(self):
        """Raises a `UserError` if the file is not as it was when it was found."""
        try:
            unchanged = _state(self.path) == self.state
        except OSError as error:
            raise_if_of_system(error)
            unchanged = False
        if not unchanged:
            raise self.error("it changed while it was in use; rerun when it no longer changes.")


def _state(path):
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns, status.st_ino
