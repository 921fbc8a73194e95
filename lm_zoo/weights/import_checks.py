"""What is wrong with an import, as far as it is found without TensorFlow."""

from lm_zoo.errors import UserError
from lm_zoo.files import check_writable

FORMAT_NAMES = ("hugging_face", "keras_hub", "pytorch")


def check_import(source, folder):
    """Raises a `UserError` unless there is a folder of weights, and one for the run.

    Args:
        source: The folder of the weights, a `pathlib.Path`.
        folder: The `RunFolder`.
    """
    from lm_zoo.runs.run_writing import (
        check_unused,  # it loads NumPy, which help needs not
    )

    if not source.is_dir():
        raise UserError(f"--from: expected a folder, received {str(source)!r}, which is not one.")
    check_unused(folder)
    check_writable(folder.path)
