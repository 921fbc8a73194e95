"""Checkpoints that are whole or absent: a folder a step, written aside, renamed, verified on read.

    <directory>/step-00001234/tensors.index, tensors.data-00000-of-00001   a TensorFlow bundle
    <directory>/step-00001234/manifest.json                                what must be in it
    <directory>/best.json                                                  which step was the best

The bundle holds plain named tensors, so that nothing depends on how objects refer to each other,
and `tf.train.load_checkpoint("<folder>/tensors")` reads it too. Hidden folders are work in progress
of a save or of a removal; those that a killed process left are cleared at the next save or load.
"""

import contextlib
import dataclasses
import errno
import fcntl
import hashlib
import json
import os
import pathlib
import re
import shutil
import typing

import numpy as np
import tensorflow as tf
from absl import logging

from lm_zoo.errors import UserError
from lm_zoo.files import (
    TEMPORARY_PREFIX,
    advice,
    cannot_write,
    reason,
    sha256_file,
    sync_folder,
    write_atomically,
)

FORMAT = 1
BUNDLE = "tensors"
MANIFEST = "manifest.json"
BEST = "best.json"
_STEP_FOLDER = re.compile(r"step-(\d{8,})")
_SAVING, _REPLACED, _REMOVED = ".saving-", ".replaced-", ".removed-"


@dataclasses.dataclass
class Checkpoint:
    """What a checkpoint held.

    Attributes:
        step: The step that it was saved at.
        tensors: Name -> `np.ndarray` (bfloat16 as `ml_dtypes.bfloat16`).
        metadata: The caller's values, as JSON gives them back (tuples are lists).
        path: Its folder.
    """

    step: int
    tensors: dict[str, np.ndarray]
    metadata: dict
    path: pathlib.Path


class Best(typing.NamedTuple):
    """The step whose validation figure was best, and the figure."""

    step: int
    value: float


class DamagedCheckpoint(UserError):
    """A checkpoint that is not what was saved."""


def path_of(directory, step):
    """Returns the path of a step's checkpoint."""
    return pathlib.Path(directory) / f"step-{step:08d}"


def steps(directory):
    """Returns the steps that have a checkpoint, whole or not, in increasing order."""
    try:
        names = os.listdir(directory)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(int(m[1]) for m in map(_STEP_FOLDER.fullmatch, names) if m)


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
            f"cannot write checkpoint {target}: {reason(error)}; {_last_good(directory)}; "
            f"{advice(error)}."
        ) from error
    return target


def load(path):
    """Reads a checkpoint and verifies every byte of it.

    Args:
        path: A checkpoint's folder.

    Returns:
        The `Checkpoint`.

    Raises:
        UserError: If there is none, or (as `DamagedCheckpoint`) if it is not what was saved.
    """
    path = pathlib.Path(path)
    if not path.is_dir():
        raise UserError(f"checkpoint {path}: there is no such folder.")
    try:
        content = _read_manifest(path)
        for name, expected in content["files"].items():
            size = (path / name).stat().st_size
            if size != expected["size"]:
                raise _damaged(path, f"{name} has {size} bytes, expected {expected['size']}")
            if sha256_file(path / name) != expected["sha256"]:
                raise _damaged(path, f"the checksum of {name} is wrong")
        return Checkpoint(
            content["step"], _read_bundle(path, content["tensors"]), content["metadata"], path
        )
    except FileNotFoundError as error:
        raise _damaged(path, f"{pathlib.Path(error.filename).name} is missing") from None
    except OSError as error:
        raise _damaged(path, f"it cannot be read ({reason(error)})") from error


def load_latest(directory):
    """Reads the newest checkpoint that is whole; a damaged newer one is passed over with a warning.

    Args:
        directory: Folder of the run's checkpoints; it need not exist.

    Returns:
        The `Checkpoint`, or None if the run has none yet.

    Raises:
        UserError: If there are checkpoints but none can be read.
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
                    logging.warning("going back to step %d in %s", found.step, directory)
                return found
            if path.exists():
                logging.warning("%s", errors[-1])
        if not vanished:
            break
    if errors:
        raise UserError(
            f"{directory}: there are {len(errors)} checkpoints and none can be read; the newest: "
            f"{errors[0]} Restore one from a copy, or begin again in another folder."
        )
    return None


def prune(directory, keep, protect=()):
    """Removes all but the newest checkpoints.

    Args:
        directory: Folder of the run's checkpoints.
        keep: How many of the newest stay.
        protect: Steps that stay besides, whether or not they exist.
    """
    directory = pathlib.Path(directory)
    old = [step for step in steps(directory)[:-keep] if step not in set(protect)]
    if not old:
        return
    try:
        with _locked(directory, wait=True):
            _remove_all(directory, old)
    except OSError as error:
        raise UserError(
            f"cannot remove old checkpoints in {directory}: {reason(error)}; {advice(error)}."
        ) from error


def write_best(directory, step, value):
    """Notes which step was the best so far, and its figure."""
    directory = pathlib.Path(directory)
    content = json.dumps({"step": step, "value": value}) + "\n"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with _locked(directory, wait=True):
            write_atomically(directory / BEST, content)
    except OSError as error:
        raise cannot_write(directory / BEST, error) from error


def read_best(directory):
    """Returns what `write_best` noted last as a `Best`, or None if nothing was.

    Raises:
        UserError: If the note cannot be understood.
    """
    path = pathlib.Path(directory) / BEST
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return Best(int(values["step"]), float(values["value"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, OSError):
        raise UserError(
            f"{path}: expected a step and a value, received something else; remove the file to use "
            "the latest checkpoint."
        ) from None


def _write_and_rename(target, step, tensors, metadata):
    directory = target.parent
    temporary = directory / f"{_SAVING}{target.name}"
    try:
        temporary.mkdir()
        listed = _write_bundle(temporary, tensors)
        files = {}
        for file in sorted(temporary.iterdir()):
            _sync_file(file)
            files[file.name] = {"size": file.stat().st_size, "sha256": sha256_file(file)}
        content = {
            "format": FORMAT,
            "step": step,
            "tensors": listed,
            "files": files,
            "metadata": metadata,
        }
        manifest = {"content": content, "sha256": _fingerprint(content)}
        (temporary / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
        _sync_file(temporary / MANIFEST)
        sync_folder(temporary)
        replaced = directory / f"{_REPLACED}{target.name}"
        if target.exists():
            target.rename(replaced)
        temporary.rename(target)
        sync_folder(directory)
        shutil.rmtree(replaced, ignore_errors=True)
    except BaseException:
        _sweep(directory)
        raise


def _write_bundle(folder, tensors):
    """Writes the tensors; returns name -> dtype and shape. File trouble comes as an `OSError`."""
    names = sorted(tensors)
    with tf.device("CPU"):
        values = [tf.convert_to_tensor(tensors[name]) for name in names]
        try:
            tf.raw_ops.SaveV2(
                prefix=str(folder / BUNDLE),
                tensor_names=names,
                shape_and_slices=[""] * len(names),
                tensors=values,
            )
        except tf.errors.InvalidArgumentError:
            raise  # Not about the disk: a mistake in the program.
        except tf.errors.OpError as error:
            raise _os_error(error) from error
    return {
        name: {"dtype": value.dtype.name, "shape": value.shape.as_list()}
        for name, value in zip(names, values, strict=True)
    }


def _read_bundle(path, listed):
    names = sorted(listed)
    try:
        held = tf.train.load_checkpoint(str(path / BUNDLE)).get_variable_to_shape_map()
        if sorted(held) != names:
            odd = sorted(set(held) ^ set(names))[0]
            raise _damaged(path, f"manifest and bundle disagree about the tensor {odd!r}")
        with tf.device("CPU"):
            values = tf.raw_ops.RestoreV2(
                prefix=str(path / BUNDLE),
                tensor_names=names,
                shape_and_slices=[""] * len(names),
                dtypes=[tf.as_dtype(listed[name]["dtype"]) for name in names],
            )
    except tf.errors.OpError as error:
        raise _damaged(path, f"TensorFlow cannot read it ({error.message})") from error
    tensors = {name: np.asarray(value.numpy()) for name, value in zip(names, values, strict=True)}
    for name, value in tensors.items():
        if list(value.shape) != listed[name]["shape"]:
            raise _damaged(path, f"the shape of {name!r} is {value.shape}")
    return tensors


def _read_manifest(path):
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        content = manifest["content"]
        right = manifest["sha256"] == _fingerprint(content)
        version = content["format"]
    except (ValueError, KeyError, TypeError):
        raise _damaged(path, f"{MANIFEST} cannot be understood") from None
    if not right:
        raise _damaged(path, f"the checksum of {MANIFEST} is wrong")
    if version != FORMAT:
        raise UserError(
            f"checkpoint {path}: expected format {FORMAT}, received {version}; read it with the "
            "version of lm_zoo that wrote it."
        )
    if path_of(path.parent, content["step"]).name != path.name and _STEP_FOLDER.fullmatch(
        path.name
    ):
        raise _damaged(path, f"it was saved at step {content['step']}")
    return content


def _fingerprint(content):
    """The checksum of a manifest's content, whatever the spaces and the order of its keys."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _damaged(path, why):
    return DamagedCheckpoint(f"checkpoint {path} is damaged: {why}; it cannot be used.")


def _os_error(error):
    """Turns TensorFlow's error about a file into the operating system's."""
    known = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EROFS, errno.EIO)
    for number in known:
        if os.strerror(number) in error.message:
            return OSError(number, os.strerror(number))
    return OSError(errno.EIO, error.message.split("\n")[0])


def _last_good(directory):
    """Says which checkpoint a run that cannot save would go on from."""
    for earlier in reversed(steps(directory)):
        with contextlib.suppress(UserError):
            _read_manifest(path_of(directory, earlier))
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
        elif name.startswith(TEMPORARY_PREFIX):
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


def _sync_file(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
