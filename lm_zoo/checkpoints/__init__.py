"""The checkpoints of a run: whole or absent, written aside and renamed, verified when read.

    <directory>/step-00001234/   one checkpoint, see `lm_zoo.checkpoints.folder`
    <directory>/best.json        which step was the best

Hidden folders are work in progress of a save or of a removal; those that a killed process left are
cleared at the next save or load.
"""

import contextlib
import fcntl
import json
import math
import os
import pathlib
import shutil
import typing

from absl import logging

from lm_zoo import files
from lm_zoo.checkpoints.folder import (
    STEP_FOLDER,
    folder_name,
    load,
    read_manifest,
    write_folder,
)
from lm_zoo.errors import UserError
from lm_zoo.files.json_files import NotJson, natural, read_json

BEST = "best.json"
_SAVING, _REPLACED, _REMOVED = ".saving-", ".replaced-", ".removed-"


class Best(typing.NamedTuple):
    """The step whose validation figure was best, and the figure."""

    step: int
    value: float


def path_of(directory, step):
    """Returns the path of a step's checkpoint."""
    return pathlib.Path(directory) / folder_name(step)


def steps(directory):
    """Returns the steps that have a checkpoint, whole or not, in increasing order."""
    try:
        names = os.listdir(directory)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(int(m[1]) for m in map(STEP_FOLDER.fullmatch, names) if m)


def save(directory, step, tensors, metadata):
    """Writes a checkpoint; it is durable on return, and nothing of it is seen before it is whole.

    A checkpoint of the same step is replaced, and those of later steps are removed: a run that
    saves step 20 has been taken back to before 30, because 30 was damaged.

    Args:
        directory: Folder of the run's checkpoints; made if it does not exist.
        step: Steps made so far.
        tensors: Name -> tensor, variable or array; at least one. Scalars and empty ones included.
        metadata: Further values for `Checkpoint.metadata`; whatever JSON can hold (infinite and
            undefined floats too).

    Returns:
        The path of the checkpoint's folder.

    Raises:
        UserError: When it cannot be written, naming the last good one. Nothing is left behind.
    """
    if not tensors:
        raise ValueError("tensors: expected at least one, received none.")
    directory = pathlib.Path(directory)
    target = path_of(directory, step)
    json.dumps(metadata)  # What JSON cannot hold must fail before anything is written.
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with _locked(directory, wait=True):
            _sweep(directory)
            _write_and_rename(target, step, tensors, metadata)
            _remove_all(directory, [s for s in steps(directory) if s > step])
    except OSError as error:
        raise UserError(
            f"cannot write checkpoint {target}: {files.reason(error)}; {_last_good(directory)}; "
            f"{files.advice(error)}."
        ) from error
    return target


def load_latest(directory):
    """Reads the newest intact checkpoint; damaged newer ones are skipped with a warning.

    Args:
        directory: Folder of the run's checkpoints; it need not exist.

    Returns:
        The `Checkpoint`, or None if the run has none yet.

    Raises:
        UserError: If there are checkpoints but none can be read.
        OSError: If a checkpoint cannot be read for a passing reason, such as too many open files.
    """
    directory = pathlib.Path(directory)
    if directory.is_dir():
        with contextlib.suppress(OSError), _locked(directory, wait=False) as held:
            if held:
                _sweep(directory)
    for _ in range(10):  # A trainer may prune while another process reads.
        errors, vanished = [], False
        for step in reversed(steps(directory)):
            path = path_of(directory, step)
            try:
                found = load(path)
            except UserError as error:
                vanished = vanished or not path.exists()
                errors.append(error)
            else:
                if errors:
                    logging.warning("falling back to step %d in %s", found.step, directory)
                return found
            if path.exists():
                logging.warning("%s", errors[-1])
        if not vanished:
            break
    if errors:
        raise UserError(
            f"{directory}: none of the {len(errors)} checkpoints can be read; the newest: "
            f"{errors[0]} Restore one from a backup, or start again in another folder."
        )
    return None


def prune(directory, newest, keep, protect=()):
    """Removes all but the newest checkpoints.

    Args:
        directory: Folder of the run's checkpoints.
        newest: The step of the newest whole one. Later ones, which are damaged, stay and do not
            count: the next save removes them.
        keep: How many up to it stay.
        protect: Steps that stay besides, whether or not they exist.
    """
    directory = pathlib.Path(directory)
    whole = [step for step in steps(directory) if step <= newest]
    old = [step for step in whole[:-keep] if step not in set(protect)]
    if not old:
        return
    try:
        with _locked(directory, wait=True):
            _remove_all(directory, old)
    except OSError as error:
        raise UserError(
            f"cannot remove old checkpoints in {directory}: {files.reason(error)}; "
            f"{files.advice(error)}."
        ) from error


def write_best(directory, step, value):
    """Notes which step was the best so far, and its figure; one that is not finite is none."""
    if not math.isfinite(value):
        return
    directory = pathlib.Path(directory)
    with files.says_what_cannot_be_written(directory / BEST):
        directory.mkdir(parents=True, exist_ok=True)
        with _locked(directory, wait=True):
            content = json.dumps({"step": step, "value": value}) + "\n"
            files.write_atomically(directory / BEST, content)


def read_best(directory):
    """Returns what `write_best` noted last as a `Best`, or None if nothing was.

    Raises:
        UserError: If the note cannot be understood.
    """
    path = pathlib.Path(directory) / BEST
    try:
        values = read_json(path, {"step": natural, "value": float})
        return Best(values["step"], float(values["value"]))
    except FileNotFoundError:
        return None
    except NotJson as error:
        raise UserError(
            f"{path}: expected a step and a value, received something else ({error}); remove the "
            "file to use the latest checkpoint."
        ) from None
    except OSError as error:
        files.raise_if_of_system(error)
        raise UserError(f"{path}: could not be read: {files.reason(error)}.") from None


def _write_and_rename(target, step, tensors, metadata):
    directory = target.parent
    temporary = directory / f"{_SAVING}{target.name}"
    replaced = directory / f"{_REPLACED}{target.name}"
    try:
        write_folder(temporary, step, tensors, metadata)
        if target.exists():
            target.rename(replaced)
        temporary.rename(target)
        files.sync(directory)
        shutil.rmtree(replaced, ignore_errors=True)
    except BaseException:
        _sweep(directory)
        raise


def _last_good(directory):
    """Says which checkpoint a run that cannot save would go on from."""
    for earlier in reversed(steps(directory)):
        with contextlib.suppress(UserError, OSError):
            read_manifest(path_of(directory, earlier))
            return f"the last good one is step {earlier}"
    return "there is no earlier one"


def _remove_all(directory, unwanted):
    """Removes checkpoints so that one half removed is never taken for a whole one."""
    for step in unwanted:
        folder = path_of(directory, step)
        hidden = directory / f"{_REMOVED}{folder.name}"
        shutil.rmtree(hidden, ignore_errors=True)
        folder.rename(hidden)
        shutil.rmtree(hidden, ignore_errors=True)


def _sweep(directory):
    """Clears what killed saves and removals left; a checkpoint caught half replaced comes back."""
    for name in os.listdir(directory):
        path = directory / name
        if name.startswith(_REPLACED):
            target = directory / name.removeprefix(_REPLACED)
            if not target.exists():
                path.rename(target)
                continue
        if name.startswith((_SAVING, _REPLACED, _REMOVED)):
            shutil.rmtree(path, ignore_errors=True)
        elif name.startswith(files.TEMPORARY_PREFIX):
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def _locked(directory, wait):
    """Holds the folder, so that no process clears what another one is writing.

    The lock goes with the process, however it ends. Yields whether the lock is held; a file system
    without locks counts as held for those who must write anyway (`wait`).
    """
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            held = True
        except OSError:
            held = wait
        yield held
    finally:
        os.close(descriptor)
