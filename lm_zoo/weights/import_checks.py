"""What is wrong with an import, as far as it is found without TensorFlow."""

import contextlib

from lm_zoo.errors import UserError
from lm_zoo.files import check_writable

FORMAT_NAMES = ("hugging_face", "keras_hub", "pytorch")


def check_import(source, folder):
    """Raises a `UserError` unless there is a folder of weights, and one for the run.

    Args:
        source: The folder of the weights, a `pathlib.Path`.
        folder: The `RunFolder`.
    """
    if not source.is_dir():
        raise UserError(f"--from: expected a folder, received {str(source)!r}, which is none.")
    check_unused(folder)
    check_writable(folder.path)


def check_unused(folder):
    """Raises a `UserError` if the run's folder holds anything but what a killed import left."""
    if not folder.exists():
        folder.check_unused()
    elif not _unfinished(folder):
        raise UserError(f"workdir: {folder.path} holds a run already; give another --workdir.")


def _unfinished(folder):
    """Whether an import was killed here before it had written the weights."""
    from lm_zoo import checkpoints  # it loads NumPy, which help needs not

    with contextlib.suppress(UserError):
        return "imported" in folder.data_record() and not checkpoints.steps(folder.checkpoints)
    return False
