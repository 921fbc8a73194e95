"""Where the tokens' context comes from: strided windows, or streams that carry state."""

import numpy as np


def plan_windows(num_inputs, window, stride):
    """Cuts a text into overlapping windows so that every target is scored exactly once.

    Input i is the token before target i. The first window scores all its targets; each later one
    begins `stride` inputs after the one before and scores the targets that are new, so a target has
    at least `window - stride` tokens of context before its input, unless the text begins sooner.

    Args:
        num_inputs: Tokens that have a successor to predict.
        window: Most inputs in a window.
        stride: From 1 to `window`.

    Returns:
        Three int64 arrays of shape `(windows,)`: each window's first input, the input after its
        last, and the first input whose target it scores.
    """
    count = 0 if num_inputs == 0 else 1 + max(0, -(-(num_inputs - window) // stride))
    starts = np.arange(count, dtype=np.int64) * stride
    stops = np.minimum(starts + window, num_inputs)
    scored_from = np.concatenate([starts[:1], stops[:-1]])
    return starts, stops, scored_from


def plan_streams(num_inputs, num_streams):
    """Cuts a text into streams that are as equal as possible; none is empty.

    Returns:
        Two int64 arrays of shape `(streams,)`: each stream's first input, and the one after its
        last.
    """
    num_streams = min(num_streams, num_inputs)
    bounds = np.arange(num_streams + 1, dtype=np.int64) * num_inputs // num_streams
    return bounds[:-1], bounds[1:]
