"""Which checkpoint of a run is meant: the best, the latest, a step's, or an average of several."""

import dataclasses

import numpy as np

from lm_zoo import checkpoints
from lm_zoo.checked_fields import require
from lm_zoo.errors import UserError

AVERAGE = "average:"


def find_checkpoint(directory, choice):
    """Reads a checkpoint, verified.

    Args:
        directory: The folder of a run's checkpoints.
        choice: `best` (by validation; the latest where nothing was measured), `latest`, a step
            number, or `average:N`, the mean of the parameters of the N latest, which followed one
            another (Vaswani et al. 2017 averaged 5).

    Returns:
        A `Checkpoint`; of an average, the latest one with the parameters averaged.

    Raises:
        UserError: If there is no such checkpoint, or it cannot be read.
    """
    steps, choice = check_choice(directory, choice), str(choice)
    if choice == "best":
        best = checkpoints.read_best(directory)
        if best is not None:
            return checkpoints.load(checkpoints.path_of(directory, best.step))
        choice = "latest"
    if choice == "latest":
        return checkpoints.load_latest(directory)
    if choice.startswith(AVERAGE):
        return _average(directory, steps, choice)
    return checkpoints.load(checkpoints.path_of(directory, int(choice)))


def check_choice(directory, choice):
    """Returns the steps that there are; no checkpoint is read, nor is TensorFlow loaded.

    Args:
        directory: The folder of a run's checkpoints.
        choice: "best", "latest", a step number, or "average:N".

    Raises:
        UserError: If there is no such checkpoint.
    """
    steps, choice = checkpoints.steps(directory), str(choice)
    if not steps:
        raise UserError(f"checkpoint: none in {directory}; train the run to its first checkpoint.")
    if choice.startswith(AVERAGE):
        number = choice.removeprefix(AVERAGE)
        is_right = number.isdecimal() and int(number) > 0
        require(is_right, "checkpoint", f"a number above 0 after {AVERAGE!r}", choice)
    elif choice not in ("best", "latest"):
        try:
            step = int(choice)
        except ValueError:
            raise UserError(
                "checkpoint: expected 'best', 'latest', a step number or 'average:N', received "
                f"{choice!r}."
            ) from None
        if step not in steps:
            listed = ", ".join(map(str, steps))
            raise UserError(f"checkpoint: no step {step} in {directory}; there are: {listed}.")
    return steps


def _average(directory, steps, choice):
    number, taken, latest, sums = int(choice.removeprefix(AVERAGE)), 0, None, {}
    for found in _backwards(directory, steps, number):
        latest, taken = latest or found, taken + 1
        for name, value in found.tensors.items():
            if name.startswith(("model/", "ema/")) and _is_floating(value):
                sums[name] = sums.get(name, 0.0) + np.asarray(value, np.float64)
    if taken < number:
        raise UserError(
            f"checkpoint: {choice!r} needs {number} consecutive checkpoints, and {directory} has "
            f"{taken}; average fewer, or train with a larger training.keep_checkpoints."
        )
    means = {
        name: (total / number).astype(latest.tensors[name].dtype) for name, total in sums.items()
    }
    return dataclasses.replace(latest, tensors=latest.tensors | means)


def _backwards(directory, steps, most):
    """Yields the latest checkpoints, at most so many, up to the first gap.

    There is one where the best checkpoint has been kept and its neighbours have not.
    """
    step = steps[-1]
    for _ in range(most):
        found = checkpoints.load(checkpoints.path_of(directory, step))
        yield found
        previous = found.metadata.get("previous")
        if previous not in steps or previous >= step:
            return
        step = previous


def _is_floating(value):
    return not np.issubdtype(value.dtype, np.integer) and value.dtype != np.bool_
