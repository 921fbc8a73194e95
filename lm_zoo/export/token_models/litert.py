"""A run as a LiteRT model: token ids in, numbers out, for phones and other small machines."""

import pathlib
import tempfile

import numpy as np
import tensorflow as tf

from lm_zoo.errors import UserError
from lm_zoo.export.new_folder import writing
from lm_zoo.export.saved_model import checked_max_length, copy_of
from lm_zoo.export.stored_weights import StoredWeights
from lm_zoo.export.token_models.token_card import write_card
from lm_zoo.export.token_models.token_functions import (
    TokenFunctions,
    check_size,
    split_outputs,
)
from lm_zoo.export.token_models.token_parity import compare, sample_tokens
from lm_zoo.files import plain_path
from lm_zoo.progress import stage
from lm_zoo.quiet_imports import library_notes_caught

FILE_NAME = "language_model.tflite"
DEFAULT_LENGTH = 128  # for models of any context; the tensors of LiteRT have fixed sizes
PACKAGES = ("ai-edge-litert",)
SIGNATURES = ("score", "decode")


def write(run, folder, max_length=0):
    """Writes a `Run` as one LiteRT file, which has `TokenFunctions` for a single row.

    Nothing but LiteRT's own operations is in it. Both functions are run by LiteRT's interpreter and
    compared with the Python model.

    Args:
        run: The `Run`.
        folder: An existing, empty folder.
        max_length: How many tokens `score` reads, and how many a state holds where it has a size;
            0 is the model's `context_length`, or `DEFAULT_LENGTH` for a recurrent model.

    Returns:
        A line of text that says what was verified.

    Raises:
        UserError: For options that cannot be used, and a file that does not do what the run does.
    """
    interpreter_class = _interpreter_class()
    length = checked_max_length(run.model, max_length) or DEFAULT_LENGTH
    weights = StoredWeights(run.model)
    check_size(weights, "litert")
    model = copy_of(run.model, length)
    weights.assign_to(model)
    functions = TokenFunctions(model, weights, batch_size=1, length=length)
    path = pathlib.Path(folder, FILE_NAME)
    with writing(folder), stage("Converting"):
        path.write_bytes(convert(functions, folder))
    with stage("Verifying by LiteRT's interpreter"), library_notes_caught():
        interpreter = interpreter_class(model_path=str(path))
        parity = check(model, interpreter, sample_tokens(run, 1, length + 1))
    files = dict.fromkeys(SIGNATURES, FILE_NAME)
    write_card(run, functions, length, parity, files, PACKAGES, folder)
    return f"Verified by LiteRT's interpreter: {parity}"


def convert(functions, folder):
    """Returns the bytes of a LiteRT file whose two functions share their weights.

    Args:
        functions: `TokenFunctions` of fixed sizes.
        folder: An existing folder for what stands there only meanwhile.
    """
    signatures = {name: getattr(functions, name) for name in SIGNATURES}
    with plain_path(folder) as plain, tempfile.TemporaryDirectory(dir=plain) as saved:
        tf.saved_model.save(functions, saved, signatures=signatures)
        converter = tf.lite.TFLiteConverter.from_saved_model(saved, signature_keys=SIGNATURES)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        return converter.convert()


def check(model, interpreter, token_ids):
    """Returns the `TokenParity` of a LiteRT interpreter; see `compare`."""
    score, decode = (interpreter.get_signature_runner(name) for name in SIGNATURES)

    def step(tokens, state):
        return split_outputs(decode(tokens=tokens, **state))

    start = {
        name: np.zeros(details["shape"], details["dtype"])
        for name, details in decode.get_input_details().items()
        if name != "tokens"
    }
    return compare(model, token_ids, lambda ids: score(token_ids=ids)["log_probs"], step, start)


def _interpreter_class():
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        raise UserError(
            "format: 'litert' needs the package ai-edge-litert, which is not installed; run "
            '`pip install "lm_zoo[litert]"`.'
        ) from None
    return Interpreter
