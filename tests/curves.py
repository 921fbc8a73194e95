"""Curves of a run, read back from its event files."""

import pathlib

from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.util import tensor_util


def read_scalars(directory, tag):
    """Returns a curve as `(step, value)` in the order they were written, in float32's precision.

    Args:
        directory: The folder of one split, e.g. `<run>/train`.
        tag: E.g. `metrics/loss`.
    """
    return [
        (event.step, float(tensor_util.make_ndarray(value.tensor)))
        for path in sorted(pathlib.Path(directory).glob("events.out.tfevents.*"))
        for event in EventFileLoader(str(path)).Load()
        for value in event.summary.value
        if value.tag == tag
    ]
