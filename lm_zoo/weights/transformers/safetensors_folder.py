"""Folders of safetensors: one file, or several with an index; read and written tensor by tensor."""

import contextlib
import json
import math
import os
import pathlib
import re

import ml_dtypes  # noqa: F401  (numpy knows bfloat16 by it, and so does safetensors)
import numpy as np

from lm_zoo.errors import UserError
from lm_zoo.files import cannot_write, raise_if_of_system
from lm_zoo.files.input_files import check_regular
from lm_zoo.model_tensors import model_tensors
from lm_zoo.weights.foreign_json import read_json
from lm_zoo.weights.foreign_model import check_written
from lm_zoo.weights.tensor_mapping import taken_apart

FILE = "model.safetensors"
INDEX = "model.safetensors.index.json"
DTYPES = ("F32", "F16", "BF16", "F64")
PICKLES = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt")
SHARD_BYTES = 5 << 30  # transformers' own for years; a reader holds one at a time


class SafetensorsFolder:
    """Reads tensors one at a time as float32; a context manager.

    Args:
        folder: With `model.safetensors`, or `model.safetensors.index.json` and the files that it
            lists, or one `.safetensors` file of another name.

    Attributes:
        names: The tensors' names, a set.
        files: The files that are read, the index included.

    Raises:
        UserError: If there is no such file, or one is damaged or not safetensors.
    """

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self._closing = contextlib.ExitStack()
        self._file_of = {}  # name -> (path, opened file)
        try:
            self.files = self._open_all()
        except BaseException:
            self._closing.close()
            raise
        self.names = self._file_of.keys()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._closing.close()

    def where(self, name=None):
        """Returns the file that holds a tensor, or the folder, for messages."""
        return self._file_of[name][0] if name in self._file_of else self.folder

    def shape(self, name):
        return tuple(self._file_of[name][1].get_slice(name).get_shape())

    def read(self, name):
        """Returns a tensor as float32; halves are widened, doubles rounded.

        Raises:
            UserError: If the tensor is of another dtype, or cannot be read.
        """
        path, file = self._file_of[name]
        dtype = file.get_slice(name).get_dtype()
        if dtype not in DTYPES:
            raise UserError(
                f"{path}: tensor {name!r} of shape {self.shape(name)}: expected dtype "
                f"{', '.join(DTYPES)}, received {dtype}; give weights that are not quantized."
            )
        return file.get_tensor(name).astype(np.float32, copy=False)

    def _open_all(self):
        index = self.folder / INDEX
        if (self.folder / FILE).is_file() or not index.is_file():
            path = self._single_file()
            self._open(path, None)
            return [path]
        shards = _shards(index)
        for shard, names in shards.items():
            self._open(self.folder / shard, names)
        return [index, *(self.folder / shard for shard in shards)]

    def _single_file(self):
        if (self.folder / FILE).is_file():
            return self.folder / FILE
        found = sorted(self.folder.glob("*.safetensors"))
        if len(found) == 1:
            return found[0]
        if found:
            raise UserError(
                f"{self.folder}: expected {FILE} or {INDEX}, found {len(found)} other "
                f".safetensors files; give {INDEX} too, or a folder with one file."
            )
        pickles = sorted(path.name for pattern in PICKLES for path in self.folder.glob(pattern))
        if pickles:
            raise UserError(
                f"{self.folder}: expected {FILE}, found {pickles[0]}, a pickle, which can run "
                "code and is never read; save the weights as safetensors."
            )
        raise UserError(f"{self.folder}: expected {FILE} or {INDEX}, found neither.")

    def _open(self, path, expected):
        """Opens one file and notes its tensors; `expected` are those that the index gives it."""
        from safetensors import SafetensorError, safe_open

        try:
            check_regular(path)
            file = self._closing.enter_context(safe_open(path, "np"))
            names = file.keys()
        except FileNotFoundError:
            raise UserError(f"{self.folder}: {path.name} is missing; {INDEX} lists it.") from None
        except (SafetensorError, OSError) as error:
            raise_if_of_system(_os_error(error, path))
            raise UserError(
                f"{path}: expected a safetensors file, found another file or a damaged one "
                f"({error}); copy it again."
            ) from None
        differing = sorted(set(names) ^ set(names if expected is None else expected))
        if differing:
            place = "only in the file" if differing[0] in names else f"in {INDEX} alone"
            raise UserError(
                f"{path}: tensor {differing[0]!r} is {place}; give the files of one model."
            )
        self._file_of |= {name: (path, file) for name in names}


def write_safetensors(folder, mappings, model, shard_bytes=0):
    """Writes a model's weights as float32 in another library's names, and reads them back.

    Args:
        folder: An existing folder.
        mappings: A sequence of `TensorMapping`.
        model: The `LanguageModel`.
        shard_bytes: The most bytes of tensors in one file, but at least one variable's; 0 means
            5 GiB.

    Returns:
        Where the weights are, in words.

    Raises:
        UserError: If they cannot be written, or are not what was written.
    """
    shards, variables = _planned(mappings, shard_bytes or SHARD_BYTES), model_tensors(model)
    weight_map = {}
    for number, shard in enumerate(shards, 1):
        name = FILE
        if len(shards) > 1:
            name = f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        tensors = {}
        for mapping in shard:
            tensors |= taken_apart(mapping, variables)
        _save(pathlib.Path(folder) / name, tensors)
        weight_map |= dict.fromkeys(tensors, name)
    if len(shards) > 1:
        total = sum(_num_bytes(mapping) for mapping in mappings)
        index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(weight_map.items()))}
        path = pathlib.Path(folder) / INDEX
        path.write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
    with SafetensorsFolder(folder) as source:
        check_written(mappings, source, model)
    return FILE if len(shards) == 1 else f"{len(shards)} files of safetensors"


def _save(path, tensors):
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    try:
        # transformers asks for the format, to know what it need not convert.
        save_file(tensors, path, metadata={"format": "pt"})
        os.chmod(path, 0o644)  # it comes as 600, which a server's own user could not read
    except SafetensorError as error:
        met = _os_error(error, path)
        if met is None:
            raise
        raise cannot_write(path, met) from None


def _os_error(error, path):
    """Returns the `OSError` that an error of safetensors' is, or speaks of, or None."""
    number = getattr(error, "errno", None) or re.search(r"os error (\d+)", str(error))
    if number is None:
        return None
    number = number if isinstance(number, int) else int(number[1])
    return OSError(number, os.strerror(number), str(path))


def _planned(mappings, shard_bytes):
    """Returns lists of mappings, each of `shard_bytes` at most."""
    shards, size = [[]], 0
    for mapping in mappings:
        if shards[-1] and size + _num_bytes(mapping) > shard_bytes:
            shards.append([])
            size = 0
        shards[-1].append(mapping)
        size += _num_bytes(mapping)
    return shards


def _num_bytes(mapping):
    return 4 * sum(math.prod(shape) for shape in mapping.tensors.values())


def _shards(index):
    """Returns file name -> names of its tensors, as an index gives them."""
    weight_map = read_json(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise UserError(f"{index}: expected a weight_map from tensors to files; copy it again.")
    shards = {}
    for tensor, name in weight_map.items():
        if not isinstance(name, str) or not re.fullmatch(r"[^/\\\0]+\.safetensors", name):
            raise UserError(
                f"{index}: tensor {tensor!r}: expected the name of a .safetensors file next to "
                f"the index, received {name!r:.80}; files elsewhere are not read."
            )
        shards.setdefault(name, []).append(tensor)
    return shards
