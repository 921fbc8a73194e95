"""One checkpoint: a folder with a TensorFlow bundle of named tensors and a manifest of it.

    step-00001234/tensors.index, tensors.data-00000-of-00001   the bundle
    step-00001234/manifest.json                                what must be in it, with checksums

The bundle holds plain named tensors, so that nothing depends on how objects refer to each other,
and `tf.train.load_checkpoint("<folder>/tensors")` reads it too. `lm_zoo.checkpoints` says
when such folders are written and which one a run goes on from.
"""

import dataclasses
import errno
import hashlib
import json
import pathlib
import re

import numpy as np

from lm_zoo import files
from lm_zoo.errors import UserError
from lm_zoo.files import json_files
from lm_zoo.files.json_files import NotJson, file_name, natural, sha256

FORMAT = 2
BUNDLE = "tensors"
MANIFEST = "manifest.json"
STEP_FOLDER = re.compile(r"step-(\d{8,})")


def _dtype(name):
    """the name of a kind of number"""
    try:
        import tensorflow as tf  # here, since which checkpoints there are is asked without it

        return isinstance(name, str) and tf.as_dtype(name).is_numpy_compatible
    except TypeError:
        return False


def _bundle_file(name):
    """the name of a file of the bundle"""
    return file_name(name) and name.startswith(f"{BUNDLE}.")


_CONTENT = {  # of the manifest
    "step": natural,
    "tensors": {str: {"dtype": _dtype, "shape": [natural]}},
    "files": {_bundle_file: {"size": natural, "sha256": sha256}},
    "metadata": dict,
}


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


def folder_name(step):
    """Returns the name of a step's folder."""
    return f"step-{step:08d}"


def write_folder(folder, step, tensors, metadata):
    """Writes a checkpoint's files into a new folder and sees them on to the disk.

    Raises:
        OSError: When the disk does not take them; the caller clears the folder away.
    """
    folder.mkdir()
    listed = _write_bundle(folder, tensors)
    held = {}
    for file in sorted(folder.iterdir()):
        files.sync(file)
        held[file.name] = {"size": file.stat().st_size, "sha256": files.sha256_file(file)}
    content = {"format": FORMAT, "step": step, "tensors": listed, "files": held}
    content["metadata"] = metadata
    manifest = {"content": content, "sha256": _fingerprint(content)}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    files.sync(folder / MANIFEST)
    files.sync(folder)


def load(path):
    """Reads a checkpoint and verifies every byte of it.

    Args:
        path: A checkpoint's folder.

    Returns:
        The `Checkpoint`.

    Raises:
        UserError: If there is none, or it is not what was saved.
        OSError: If something else keeps it from being read, such as too many open files.
    """
    path = pathlib.Path(path)
    if not path.is_dir():
        raise UserError(f"checkpoint {path}: no such folder.")
    try:
        content = read_manifest(path)
        for name, expected in content["files"].items():
            size = (path / name).stat().st_size
            if size != expected["size"]:
                raise _damaged(path, f"{name} has {size} bytes, expected {expected['size']}")
            if files.sha256_file(path / name) != expected["sha256"]:
                raise _damaged(path, f"the checksum of {name} is wrong")
        return Checkpoint(
            content["step"], _read_bundle(path, content["tensors"]), content["metadata"], path
        )
    except FileNotFoundError as error:
        raise _damaged(path, f"{pathlib.Path(error.filename).name} is missing") from None
    except OSError as error:
        files.raise_if_of_system(error)
        raise _damaged(path, f"it cannot be read ({files.reason(error)})") from error


def read_manifest(path):
    """Returns what a checkpoint's manifest says, verified by its own checksum."""
    try:
        outer = {"content": {"format": natural}, "sha256": sha256}
        manifest = json_files.read_json(
            path / MANIFEST, outer, json_files.MAX_LARGE_BYTES, finite=False
        )
        content = manifest["content"]
        right = manifest["sha256"] == _fingerprint(content)
        version = content["format"]
        if right and version == FORMAT:
            json_files.check(content, _CONTENT)
    except NotJson as error:
        raise _damaged(path, f"{MANIFEST} cannot be parsed ({error})") from None
    if not right:
        raise _damaged(path, f"the checksum of {MANIFEST} is wrong")
    if version != FORMAT:
        raise UserError(
            f"checkpoint {path}: expected format {FORMAT}, received {version}; read it with the "
            "version of lm_zoo that wrote it."
        )
    if STEP_FOLDER.fullmatch(path.name) and folder_name(content["step"]) != path.name:
        raise _damaged(path, f"it was saved at step {content['step']}")
    return content


def _write_bundle(folder, tensors):
    """Writes the tensors; returns name -> dtype and shape. File trouble comes as an `OSError`."""
    import tensorflow as tf

    names = sorted(tensors)
    with tf.device("CPU"), files.plain_path(folder) as path:
        values = [tf.convert_to_tensor(tensors[name]) for name in names]
        try:
            tf.raw_ops.SaveV2(
                prefix=f"{path}/{BUNDLE}",
                tensor_names=names,
                shape_and_slices=[""] * len(names),
                tensors=values,
            )
        except tf.errors.InvalidArgumentError:
            raise  # Not about the disk: a mistake in the program.
        except tf.errors.OpError as error:
            other = OSError(errno.EIO, error.message.split("\n")[0])
            raise (files.os_error_of(error.message) or other) from error
    return {
        name: {"dtype": value.dtype.name, "shape": value.shape.as_list()}
        for name, value in zip(names, values, strict=True)
    }


def _read_bundle(path, listed):
    import tensorflow as tf

    names = sorted(listed)
    try:
        with tf.device("CPU"), files.plain_path(path) as folder:
            held = tf.train.load_checkpoint(f"{folder}/{BUNDLE}").get_variable_to_shape_map()
            if sorted(held) != names:
                odd = min(set(held) ^ set(names))
                raise _damaged(path, f"manifest and bundle disagree about the tensor {odd!r}")
            values = tf.raw_ops.RestoreV2(
                prefix=f"{folder}/{BUNDLE}",
                tensor_names=names,
                shape_and_slices=[""] * len(names),
                dtypes=[tf.as_dtype(listed[name]["dtype"]) for name in names],
            )
    except tf.errors.OpError as error:
        if met := files.os_error_of(error.message, path):
            raise met from error
        raise _damaged(path, f"TensorFlow cannot read it ({error.message})") from error
    tensors = {name: np.asarray(value.numpy()) for name, value in zip(names, values, strict=True)}
    for name, value in tensors.items():
        if list(value.shape) != listed[name]["shape"]:
            raise _damaged(path, f"the shape of {name!r} is {value.shape}")
    return tensors


def _fingerprint(content):
    """The checksum of a manifest's content, whatever the spaces and the order of its keys."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _damaged(path, why):
    return UserError(f"checkpoint {path} is damaged: {why}; it cannot be used.")
