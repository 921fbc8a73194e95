"""Where the tokens' context comes from: strided windows, or streams that carry state."""

import numpy as np

from lm_zoo.data.batching.packing import numbers_within


def default_stride(window):
    """Returns the stride of windows where none is asked for: half the window, and at least 1."""
    return max(1, window // 2)


def plan_windows(num_inputs, window, stride):
    """Cuts a text into overlapping windows so that every target is scored exactly once.

    Input i is the token before target i. The first window scores all its targets; each later one
    begins `stride` inputs after the one before and scores the targets that are new, so a target has
    at least `window - stride` tokens of context before its input, unless the text begins sooner.

    Args:
        num_inputs: Tokens that have a successor to predict.
        window: Maximum number of inputs in a window.
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


def plan_document_windows(document_starts, window, stride):
    """Cuts each document by itself as `plan_windows` does; its first input is the end before it.

    Args:
        document_starts: Position of each document's preceding end token, and the number of tokens
            less one; int64 `(documents + 1,)`.
        window: Maximum number of inputs in a window.
        stride: From 1 to `window`.

    Returns:
        Three int64 arrays of shape `(windows,)`, over all documents in order: each window's first
        input, the input after its last, and the first input whose target it scores.
    """
    first, after = document_starts[:-1], document_starts[1:]
    counts = 1 + np.maximum(0, -((first - after + window) // stride))  # rounded up
    numbers = numbers_within(counts)
    first, after = np.repeat(first, counts), np.repeat(after, counts)
    starts = first + numbers * stride
    stops = np.minimum(starts + window, after)
    # A window scores from where the one before it ended.
    scored_from = np.where(numbers == 0, first, np.minimum(starts - stride + window, after))
    return starts, stops, scored_from


def plan_document_streams(document_starts, num_streams):
    """Cuts a text between documents, into streams about as equal as whole documents allow.

    Returns:
        Two int64 arrays of shape `(streams,)`, at most `num_streams`: each stream's first input,
        and the one after its last.
    """
    total = document_starts[-1] - document_starts[0]
    wanted = document_starts[0] + np.arange(1, num_streams, dtype=np.int64) * total // num_streams
    nearest = document_starts[np.searchsorted(document_starts, wanted)]
    bounds = np.unique(np.concatenate([document_starts[:1], nearest, document_starts[-1:]]))
    return bounds[:-1], bounds[1:]


def plan_streams(num_inputs, num_streams):
    """Cuts a text into streams that are as equal as possible; none is empty.

    Returns:
        Two int64 arrays of shape `(streams,)`: each stream's first input, and the one after its
        last.
    """
    num_streams = min(num_streams, num_inputs)
    bounds = np.arange(num_streams + 1, dtype=np.int64) * num_inputs // num_streams
    return bounds[:-1], bounds[1:]
