"""A run as ONNX models: token ids in, numbers out, for ONNX Runtime and what else reads them."""

import pathlib

import numpy as np

from lm_zoo.errors import UserError
from lm_zoo.export.new_folder import writing
from lm_zoo.export.saved_model import copy_of
from lm_zoo.export.stored_weights import StoredWeights
from lm_zoo.export.token_models.token_card import write_card
from lm_zoo.export.token_models.token_functions import (
    TokenFunctions,
    check_size,
    split_outputs,
)
from lm_zoo.export.token_models.token_parity import compare, sample_tokens
from lm_zoo.progress import stage

FILES = {"score": "score.onnx", "decode": "decode.onnx"}
PACKAGES = ("tf2onnx", "onnxruntime")
OPSET = 18  # the newest that tf2onnx writes
ROWS, LENGTH = 2, 96  # of what is compared


def write(run, folder):
    """Writes a `Run` as two ONNX files, `TokenFunctions` for any number of rows and tokens.

    Both are run by ONNX Runtime and compared with the Python model.

    Args:
        run: The `Run`.
        folder: An existing, empty folder.

    Returns:
        A line of text that says what was verified.

    Raises:
        UserError: For a model that does not fit, and files that do not do what the run does.
    """
    runtime, converter = _packages()
    weights = StoredWeights(run.model)
    check_size(weights, "onnx")
    model = copy_of(run.model, run.model.context_length)
    weights.assign_to(model)
    functions = TokenFunctions(model, weights)
    for name, file in FILES.items():
        with writing(folder), stage(f"Converting {name}"):
            pathlib.Path(folder, file).write_bytes(convert(converter, getattr(functions, name)))
    sessions = {
        name: runtime.InferenceSession(str(folder / file), providers=["CPUExecutionProvider"])
        for name, file in FILES.items()
    }
    length = min(LENGTH, model.context_length or LENGTH)
    with stage("Verifying by ONNX Runtime"):
        parity = check(model, functions, sessions, sample_tokens(run, ROWS, length + 1))
    write_card(run, functions, None, parity, FILES, PACKAGES, folder)
    return f"Verified by ONNX Runtime: {parity}"


def convert(converter, function):
    """Returns the bytes of an ONNX file.

    Args:
        converter: The module `tf2onnx.convert`.
        function: A `tf.function` with an input signature.
    """
    model, _ = converter.from_function(function, function.input_signature, opset=OPSET)
    return model.SerializeToString()


def check(model, functions, sessions, token_ids):
    """Returns the `TokenParity` of ONNX Runtime's sessions; see `compare`.

    Args:
        model: The Python `LanguageModel`.
        functions: The `TokenFunctions`.
        sessions: Function name -> session.
        token_ids: int32 array `(batch, length + 1)`.
    """
    rows, length = token_ids.shape[0], token_ids.shape[1] - 1

    def call(name, inputs):
        outputs = [output.name for output in sessions[name].get_outputs()]
        return dict(zip(outputs, sessions[name].run(outputs, inputs), strict=True))

    def step(tokens, state):
        return split_outputs(call("decode", {"tokens": tokens, **state}))

    start = {}
    for spec in functions.decode.input_signature[1:]:
        # Of the sizes that are free, the first is the rows', the other the slots'.
        sizes = [rows, *(length if size is None else size for size in spec.shape[1:])]
        start[spec.name] = np.zeros(sizes, spec.dtype.as_numpy_dtype)
    return compare(
        model, token_ids, lambda ids: call("score", {"token_ids": ids})["log_probs"], step, start
    )


def _packages():
    try:
        import onnxruntime
        import tf2onnx.convert
    except ImportError as error:
        raise UserError(
            f"format: 'onnx' needs the package {error.name}, which is not installed; run "
            '`pip install "lm_zoo[onnx]"`.'
        ) from None
    return onnxruntime, tf2onnx.convert
