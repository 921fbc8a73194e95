"""Keras' `.weights.h5` files, read and written array by array, without Keras."""

import io

import h5py
import numpy as np

from lm_zoo.errors import UserError
from lm_zoo.files import raise_if_of_system
from lm_zoo.files.input_files import check_regular
from lm_zoo.model_tensors import model_tensors
from lm_zoo.weights.tensor_mapping import taken_apart


class KerasWeights:
    """Reads what Keras' `save_weights` wrote, one array at a time; a context manager.

    Args:
        path: The `.weights.h5` file.

    Attributes:
        names: The arrays' names, a set: `layers/transformer_decoder_1/.../vars/0`.

    Raises:
        UserError: If it is missing, damaged, or not such a file.
    """

    def __init__(self, path):
        self.path = path
        try:
            check_regular(path)
            self._file = h5py.File(path, "r")
        except FileNotFoundError:
            raise UserError(f"{path.parent}: expected a file {path.name}, found none.") from None
        except OSError as error:
            raise _damaged(path, error) from None
        self._arrays = {}
        try:
            # It passes over links, which may lead out of the file.
            self._file.visititems(self._note)
        except (OSError, RuntimeError, KeyError) as error:
            self._file.close()
            raise _damaged(path, error) from None
        self.names = self._arrays.keys()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._file.close()

    def where(self, name=None):
        return self.path

    def shape(self, name):
        return self._arrays[name].shape

    def read(self, name):
        """Returns an array as float32."""
        array = self._arrays[name]
        if array.dtype.kind not in "fV" or array.external or array.is_virtual:
            raise UserError(
                f"{self.path}: tensor {name!r} of shape {array.shape}: expected floating-point "
                f"numbers, received {array.dtype}; save the preset again in float32."
            )
        try:
            return np.asarray(array[()], np.float32)
        except (OSError, ValueError, TypeError) as error:
            raise _damaged(self.path, error) from None

    def _note(self, name, item):
        if hasattr(item, "shape"):
            self._arrays[name] = item


def write_keras_weights(path, mappings, model):
    """Writes a model's weights as float32 in the places where another model of Keras has them.

    Args:
        path: The `.weights.h5` file.
        mappings: A sequence of `TensorMapping`.
        model: The `LanguageModel`.

    Raises:
        OSError: If it cannot be written.
    """
    variables = model_tensors(model)
    with _ErrorKeepingFile(path, "w+") as disk:
        with h5py.File(disk, "w") as file:
            for mapping in mappings:
                for name, array in taken_apart(mapping, variables).items():
                    file[name] = array
        if disk.error is not None:
            raise disk.error


class _ErrorKeepingFile(io.FileIO):
    """Keeps the first error for later and takes all the rest for written.

    HDF5 flushes at its end what it could not write before, and on a full disk h5py 3.14 ends the
    process there by a segmentation fault.
    """

    error = None

    def write(self, data):
        return self._kept(self._write_all, memoryview(data), len(data))

    def truncate(self, size=None):
        return self._kept(super().truncate, size, size)

    def _write_all(self, data):
        size = len(data)
        while data:  # the system writes 2 GiB at most
            data = data[super().write(data) :]
        return size

    def _kept(self, function, argument, otherwise):
        if self.error is None:
            try:
                return function(argument)
            except OSError as error:
                self.error = error
        return otherwise


def _damaged(path, error):
    raise_if_of_system(error)
    return UserError(
        f"{path}: expected a Keras weights file, found another file or a damaged one ({error}); "
        "copy it again."
    )
