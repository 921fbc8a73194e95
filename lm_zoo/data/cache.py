"""The cache folder, and folders in it that are made step by step and appear whole or not at all."""

import contextlib
import fcntl
import os
import pathlib
import shutil
import time

from lm_zoo.errors import UserError
from lm_zoo.files import advice, expanded, link_of_another_user, reason, sync

WORK_PREFIX = ".lm_zoo-work-"  # ours alone, since old ones are removed
ABANDONED_SECONDS = 7 * 24 * 3600  # nobody has come back to such a work folder for a week


def cache_dir(configured=""):
    """Returns the cache folder: `data.cache_dir`, else `$LM_ZOO_CACHE`, else `~/.cache/lm_zoo`.

    Raises:
        UserError: If there can be no such folder, or a symbolic link of another user leads to it:
            in a folder like `/tmp` anybody can lay one, and so choose what is read and written.
    """
    chosen = configured or os.environ.get("LM_ZOO_CACHE") or os.path.join("~", ".cache", "lm_zoo")
    path = expanded(chosen)
    try:
        foreign = link_of_another_user(path)
    except OSError as error:
        raise UserError(
            f"data.cache_dir: {str(path)!r:.120} cannot be used: {reason(error)}; choose another "
            "folder."
        ) from None
    if foreign:
        raise UserError(
            f"data.cache_dir: {str(foreign)!r} is a symbolic link of another user (uid "
            f"{os.lstat(foreign).st_uid}), who could redirect reads and writes; give the folder "
            "it points to, or one of your own."
        )
    return path


@contextlib.contextmanager
def made_once(directory, field="data.cache_dir", on_wait=None):
    """Lets one process at a time make a folder, and go on with what a killed one had made of it.

        with made_once(directory) as work:
            if work is not None:
                ...                                 # files below `work`, whole ones are kept
                publish(work / "whole", directory)

    The work folder's name follows from the directory's, so the same command finds it again. It is
    removed when the block ends well, and kept when it does not: by an error, a full disk or a kill.

    Args:
        directory: What is to be made.
        field: What the user chose the place by, for the error.
        on_wait: Called with a line of text if another process is making it, before waiting for it.

    Yields:
        The locked work folder, or None where the directory is there already.

    Raises:
        UserError: If the work folder cannot be written, a full disk included.
    """
    directory = pathlib.Path(directory)
    if directory.exists():
        yield None
        return
    work = directory.parent / f"{WORK_PREFIX}{directory.name}"
    with writing(directory.parent, field):
        directory.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(directory.parent)
        lock = _locked(work, on_wait)
    with lock:
        if directory.exists():  # another process was faster
            shutil.rmtree(work, ignore_errors=True)
            yield None
            return
        try:
            with writing(directory.parent, field):
                yield work
        except BaseException:
            if not any(path.is_file() and path.name != "lock" for path in work.rglob("*")):
                shutil.rmtree(work, ignore_errors=True)  # nothing to go on with
            raise
        shutil.rmtree(work, ignore_errors=True)


def publish(made, directory):
    """Gives a folder, all of whose files are on the disk already, its final name at once."""
    sync(made)
    os.rename(made, directory)
    sync(directory.parent)


@contextlib.contextmanager
def writing(directory, field="data.cache_dir"):
    """Turns an `OSError` into the `UserError` that says what could not be written, and why."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"{field}: could not write into {directory}: {reason(error)}; {advice(error)}."
        ) from None


def write_file(path, data, durable=True):
    """Writes a file's bytes down to the disk under another name, then names it: it is whole.

    Args:
        path: The file.
        data: Its bytes.
        durable: Whether it must outlast a power cut, too, which takes some milliseconds.

    Raises:
        OSError: When it cannot be written; nothing is left over then.
    """
    temporary = path.with_name(f".{path.name}.writing")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _locked(work, on_wait):
    """Makes the work folder and returns its locked lock file, which unlocks it when closed."""
    path = work / "lock"
    while True:
        try:
            work.mkdir(exist_ok=True)
            lock = open(path, "w")
        except (FileExistsError, FileNotFoundError):  # removed by its maker just now
            if work.is_file():
                raise
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if on_wait:
                on_wait(f"Waiting for another process that is creating {work.name} ...")
            fcntl.flock(lock, fcntl.LOCK_EX)
        if is_still(path, lock):
            return lock
        lock.close()  # its maker removed the folder while we waited


def is_still(path, file):
    """Whether an opened file is the one at a path, and was not renamed or removed meanwhile."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _remove_abandoned(cache):
    for work in cache.glob(f"{WORK_PREFIX}*"):
        with contextlib.suppress(OSError):
            if time.time() - work.stat().st_mtime < ABANDONED_SECONDS:
                continue
            with open(work / "lock", "a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(work, ignore_errors=True)
