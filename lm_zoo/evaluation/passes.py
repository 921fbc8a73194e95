"""Passes over a split: the model is called on every part of it, each target counting once.

Each yields `(nll, counts)` for each call: the nats of the targets, and which of them count, both of
shape `(rows, sequence_length)`. The rows are spread over the replicas of a `Distribution`; each
process reads its own alone, and all yield the same.
"""

import numpy as np

from lm_zoo.data.batching.packing import pack, read_padded, read_rows
from lm_zoo.evaluation.row_scorer import RowScorer
from lm_zoo.evaluation.windows import (
    plan_document_streams,
    plan_document_windows,
    plan_streams,
    plan_windows,
)


def carried(model, split, num_streams, sequence_length, within_documents, distribution):
    """Reads streams side by side to their ends, with carried state.

    Args:
        model: A built `LanguageModel`.
        split: A `TokenSplit`.
        num_streams: Streams that the split is cut into.
        sequence_length: Tokens in a call.
        within_documents: Whether the state is put to zero where a document starts; streams are then
            cut between documents.
        distribution: A `Distribution`.
    """
    if within_documents:
        starts, stops = plan_document_streams(split.document_starts, num_streams)
    else:
        starts, stops = plan_streams(split.num_tokens - 1, num_streams)
    scorer = RowScorer(model, len(starts), distribution)
    mine, state = scorer.local_rows, scorer.initial_state
    for offset in range(0, int(np.max(stops - starts)), sequence_length):
        here = starts + offset
        inputs, targets = _read(split, here[mine], stops[mine], sequence_length)
        documents = ()
        if within_documents:
            documents = (_document_starts(split, here[mine], stops[mine], sequence_length),)
        nll, state = scorer(inputs, targets, state, *documents)
        yield nll, _inside(here, stops, sequence_length)


def windows(model, split, batch_size, window, stride, distribution):
    """Reads overlapping windows, each from the zero state.

    Args:
        model: A built `LanguageModel`.
        split: A `TokenSplit`.
        batch_size: Windows in a call.
        window: Tokens in a window.
        stride: New tokens in a window.
        distribution: A `Distribution`.
    """
    num_inputs = split.num_tokens - 1
    starts, stops, scored_from = plan_windows(num_inputs, window, stride)
    rows = min(batch_size, len(starts))
    # Rows without a window fill the last call up to the shape that is compiled already.
    missing = -len(starts) % rows
    starts, stops, scored_from = (
        np.concatenate([part, np.full(missing, num_inputs)])
        for part in (starts, stops, scored_from)
    )
    scorer = RowScorer(model, rows, distribution)
    for first in range(0, len(starts), rows):
        part = slice(first, first + rows)
        here, ends = starts[part], stops[part]
        mine = scorer.local_rows
        nll, _ = scorer(*_read(split, here[mine], ends[mine], window), scorer.initial_state)
        places = here[:, None] + np.arange(window)  # (B, T)
        yield nll, _inside(here, ends, window) & (places >= scored_from[part, None])


def document_windows(model, split, batch_size, window, stride, distribution):
    """Reads overlapping windows of each document by itself; the arguments are those of `windows`.

    Windows are put into rows as training puts documents into them, and kept apart there, so a call
    is full also where documents are short.
    """
    starts, stops, scored_from = plan_document_windows(split.document_starts, window, stride)
    order, bounds = pack((stops - starts).astype(np.int32), window)
    num_rows = len(bounds) - 1
    rows = min(batch_size, num_rows)
    scorer = RowScorer(model, rows, distribution)
    for first in range(0, num_rows, rows):
        counts = np.zeros((rows, window), bool)
        pieces = [[] for _ in range(rows)]  # those beyond the last row stay empty
        for row in range(min(rows, num_rows - first)):
            place = 0
            for index in order[bounds[first + row] : bounds[first + row + 1]].tolist():
                start, length = int(starts[index]), int(stops[index] - starts[index])
                pieces[row].append((start, length))
                counts[row, place + int(scored_from[index]) - start : place + length] = True
                place += length
        read = read_rows(split, pieces[scorer.local_rows], window)
        nll, _ = scorer(read.inputs, read.targets, scorer.initial_state, read.starts)
        yield nll, counts


def _read(split, starts, stops, length):
    """Reads a row from each start, padded with id 0 beyond its stop.

    Returns:
        `(inputs, targets)`, int32 `(rows, length)`.
    """
    tokens = read_padded(split, starts, np.clip(stops - starts, 0, length), length)
    return tokens[:, :-1], tokens[:, 1:]


def _inside(starts, stops, length):
    """Returns which places of such rows are before the stop, booleans `(rows, length)`."""
    return np.arange(length) < np.clip(stops - starts, 0, length)[:, None]


def _document_starts(split, starts, stops, length):
    """Returns where documents start in the rows that `_read` gives, booleans."""
    found = np.zeros((len(starts), length), bool)
    for row, start, stop in zip(found, starts.tolist(), stops.tolist()):
        begin, end = np.searchsorted(split.document_starts, (start, min(stop, start + length)))
        row[split.document_starts[begin:end] - start] = True
    return found
