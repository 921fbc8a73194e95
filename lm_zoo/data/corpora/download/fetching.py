"""Fetching a file over HTTP: resumed after a break, verified, and there only when it is whole."""

import contextlib
import fcntl
import hashlib
import os
import time

from lm_zoo.data.cache import is_still, writing
from lm_zoo.data.corpora.download.http_attempt import (
    PermanentDownloadError,
    TransientDownloadError,
    note_of,
    receive,
)
from lm_zoo.errors import UserError
from lm_zoo.files import sync
from lm_zoo.files.input_files import open_input

ATTEMPTS = 5  # in a row that bring nothing
MAX_ATTEMPTS = 100  # of one address, however little each brings
FIRST_WAIT_SECONDS = 1.0  # before the second attempt; doubled for each further one
MAX_WAIT_SECONDS = 30.0


def fetch(download, path):
    """Fetches a file unless it is there; shows a bar where standard error is a terminal.

    What has come so far lies beside it as `<name>.part` with what the server called this version of
    it, and is gone on with by the next call. A second process waits for the first.

    Args:
        download: A `Download`.
        path: Where it is put, under its final name only when its checksum is right.

    Raises:
        UserError: If no address gives it, with each one's reason, or it cannot be written.
    """
    part = path.with_name(path.name + ".part")
    with writing(path.parent), contextlib.ExitStack() as stack:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = stack.enter_context(_locked(part))
        if path.exists():  # another process has fetched it while we waited
            part.unlink(missing_ok=True)
            return
        reasons = []
        for address in download.addresses:
            try:
                _fetch_from(address, download, file, part)
            except PermanentDownloadError as error:
                reasons.append(f"{address}: {error}")
                continue
            os.fsync(file.fileno())
            os.replace(part, path)
            note_of(part).unlink(missing_ok=True)
            sync(path.parent)
            return
        if not os.path.getsize(part):
            part.unlink()
            note_of(part).unlink(missing_ok=True)
    raise UserError("; ".join(reasons))


def _locked(part):
    """Opens the part for appending, held for this process; another one's is waited for."""
    while True:
        file = open(part, "ab")
        fcntl.flock(file, fcntl.LOCK_EX)
        if is_still(part, file):
            return file
        file.close()  # its holder renamed or removed it while we waited


def checksum_of(path, checksum):
    """Returns a file's checksum by the same algorithm as `checksum`, in the same form."""
    algorithm = checksum.split(":")[0]
    with open_input(path) as file:
        return f"{algorithm}:{hashlib.file_digest(file, algorithm).hexdigest()}"


def _fetch_from(address, download, file, part):
    """Brings `file` to the whole, right content."""
    from lm_zoo.progress import Bar

    with Bar(f"Fetching {download.name}", transient=False) as bar:

        def show(received, total):
            bar.update(received, _written(received, total, bar.speed), total)

        resumed = _receive_all(address, download, file, part, show)
        received = checksum_of(part, download.checksum)
        if received != download.checksum and resumed:  # what was there before may have been wrong
            file.truncate(0)
            _receive_all(address, download, file, part, show)
            received = checksum_of(part, download.checksum)
    if received != download.checksum:
        file.truncate(0)
        raise PermanentDownloadError(
            f"wrong checksum: expected {download.checksum}, received {received}"
        )


def _receive_all(address, download, file, part, show):
    """Makes attempts until one ends well; returns whether it went on with what was there."""
    failures, resumed = 0, False
    for _ in range(MAX_ATTEMPTS):
        before = os.path.getsize(part)
        try:
            resumed = receive(address, download, file, part, show) or resumed
            return resumed
        except TransientDownloadError as error:
            resumed = resumed or before > 0
            failures = 1 if os.path.getsize(part) > before else failures + 1
            if failures >= ATTEMPTS:
                raise PermanentDownloadError(f"{error} ({failures} attempts)") from None
            wait = max(FIRST_WAIT_SECONDS * 2 ** (failures - 1), error.wait)
            time.sleep(min(wait, MAX_WAIT_SECONDS))
    raise PermanentDownloadError(f"the connection failed {MAX_ATTEMPTS} times")


def _written(received, total, speed):
    """How much has come, as `1.2/5.0 MB  800.0 kB/s`."""
    from rich import filesize

    units = ["bytes", "kB", "MB", "GB", "TB"]
    size, unit = filesize.pick_unit_and_suffix(int(total or received), units, 1000)
    places = 0 if size == 1 else 1
    whole = f"{total / size:,.{places}f}" if total else "?"
    return f"{received / size:,.{places}f}/{whole} {unit}  {filesize.decimal(int(speed))}/s"
