"""SHA-256 of files, remembered, so that starting again does not read a large corpus again."""

import hashlib
import json
import os
import pathlib
import time

from lm_zoo.errors import UserError
from lm_zoo.files import sha256_file, write_atomically
from lm_zoo.files.json_files import NotJson, read_json, sha256

MIN_REMEMBERED_BYTES = 1 << 20  # smaller files are read as fast as a memory of them is
SETTLED_SECONDS = 2.0  # a file could be changed again within the same tick of a coarse clock


def sha256_of(path, cache):
    """Returns the SHA-256, in hex, of a file's bytes.

    It is remembered below `cache` for as long as path, size, time of change and inode stay as they
    are. A cache that cannot be written only costs time.

    Args:
        path: The file.
        cache: The cache folder (`lm_zoo.data.cache.cache_dir`).

    Raises:
        OSError: If the file cannot be read.
        UserError: If it changed while it was read.
    """
    path = pathlib.Path(path).absolute()
    before = _state(path)
    if before["size"] < MIN_REMEMBERED_BYTES:
        return _checked_digest(path, before)
    store = pathlib.Path(cache) / "digests"
    remembered = store / f"{hashlib.sha256(os.fsencode(path)).hexdigest()[:32]}.json"
    try:
        known = read_json(remembered, {"file": dict, "sha256": sha256})
        if known["file"] == before:
            return known["sha256"]
    except (OSError, NotJson):
        pass  # not remembered, or damaged
    digest = _checked_digest(path, before)
    if time.time() - max(before["mtime_ns"], before["ctime_ns"]) / 1e9 > SETTLED_SECONDS:
        try:
            store.mkdir(parents=True, exist_ok=True)
            write_atomically(remembered, json.dumps({"file": before, "sha256": digest}))
        except (OSError, UserError):
            pass
    return digest


def json_sha256(values):
    """Returns the SHA-256, in hex, of JSON-ready values; the order of keys does not change it."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode("ascii")).hexdigest()


def _checked_digest(path, before):
    digest = sha256_file(path)
    if _state(path) != before:
        raise UserError(f"{path}: it changed while it was read; rerun the command.")
    return digest


def _state(path):
    status = path.stat()
    return {
        "path": os.fsencode(path).decode("utf-8", errors="backslashreplace"),
        "size": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        "ctime_ns": status.st_ctime_ns,  # moves on even where a copy sets the time of change back
        "inode": status.st_ino,
    }
