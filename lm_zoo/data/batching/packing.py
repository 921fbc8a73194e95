"""Whole documents put together into windows, by best fit ("Fewer Truncations", Ding et al. 2024).

Documents are cut only where they are longer than a window. The plan follows from the lengths alone,
so it is the same for every process and after every stop.
"""

import bisect
import collections
import typing

import numpy as np


class Packing(typing.NamedTuple):
    """Which pieces of text stand in which window.

    Piece i is `lengths[i]` inputs from token `starts[i]` on, and the token after each as its
    target. Window w holds the pieces `bounds[w]` to `bounds[w + 1] - 1`, in the order of the text.

    Attributes:
        starts: int64 `(pieces,)`.
        lengths: int32 `(pieces,)`.
        bounds: int64 `(windows + 1,)`.
    """

    starts: np.ndarray
    lengths: np.ndarray
    bounds: np.ndarray

    @property
    def num_windows(self):
        return len(self.bounds) - 1

    def pieces_of(self, window):
        """Returns `(start, length)` of each piece of a window, as Python integers."""
        part = slice(self.bounds[window], self.bounds[window + 1])
        return list(zip(self.starts[part].tolist(), self.lengths[part].tolist()))


def pack_documents(document_starts, window):
    """Plans windows of whole documents.

    Each document's inputs are the end token before it and all of its own tokens but the last, which
    is its end token and only a target. Longer documents are cut into pieces of `window` and a rest.

    Planning takes about 40 bytes of memory a piece; 12 a piece and 8 a window are kept. Ten million
    documents take some seconds.

    Args:
        document_starts: Position of each document's preceding end token, and the number of tokens
            less one; int64 `(documents + 1,)`.
        window: Maximum number of targets in a window.

    Returns:
        A `Packing`, in which every token but the first is a target exactly once.
    """
    starts, lengths = cut_documents(document_starts, window)
    order, bounds = pack(lengths, window)
    return Packing(starts[order], lengths[order], bounds)


def cut_documents(document_starts, window):
    """Returns the starts, int64, and lengths, int32, of documents cut where they are too long."""
    document_starts = np.asarray(document_starts)  # not a memory map, whose slices are slow
    starts, stops = document_starts[:-1], document_starts[1:]
    counts = -((starts - stops) // window)  # rounded up
    if len(counts) and counts.max() > 1:
        numbers = numbers_within(counts)  # of each piece in its document
        starts = np.repeat(starts, counts) + numbers * window
        stops = np.repeat(stops, counts)
    lengths = np.minimum(stops - starts, window).astype(np.int32)
    return np.asarray(starts, np.int64), lengths


def numbers_within(counts):
    """Returns 0 to `count - 1` for each count, one after the other: `(2, 3) -> (0, 1, 0, 1, 2)`."""
    firsts = np.cumsum(counts) - counts
    return np.arange(counts.sum(), dtype=np.int64) - np.repeat(firsts, counts)


def pack(lengths, window):
    """Groups items into windows by best fit.

    Args:
        lengths: Whole numbers from 1 to `window`, `(items,)`.
        window: Most that the lengths in a group may add up to.

    Returns:
        `(order, bounds)`: window w holds the items `order[bounds[w] : bounds[w + 1]]`, in
        ascending order; int64, `(items,)` and `(windows + 1,)`.
    """
    windows, num_windows = best_fit(lengths, window)
    order = np.argsort(windows, kind="stable")
    bounds = np.zeros(num_windows + 1, np.int64)
    np.cumsum(np.bincount(windows, minlength=num_windows), out=bounds[1:])
    return order, bounds


def best_fit(lengths, window):
    """Puts items into windows: the longest first, each into the fullest window with room for it.

    Items of one length are placed together. The fullest windows with room `r` for such items take
    `r // length` each before any other is touched, because having taken one they are fuller than
    the rest. Every window's room is then halved at least, so there are about `window log window`
    such placements however many items there are, and each is an operation on whole arrays.

    Args:
        lengths: Whole numbers from 1 to `window`, `(items,)`.
        window: Room of an empty window.

    Returns:
        `(windows, number of windows)`: each item's window, int32 or int64 `(items,)`.
    """
    # 16 bits are sorted by radix, ten times as fast.
    kind = np.uint16 if window < 1 << 16 else np.int64
    order = np.argsort((window - lengths).astype(kind), kind="stable")
    counts = np.bincount(lengths, minlength=1)
    windows = np.empty(len(lengths), np.int32 if len(lengths) < 1 << 31 else np.int64)
    rooms = _Rooms()
    placed = num_windows = 0
    for length in np.flatnonzero(counts)[::-1].tolist():
        left = int(counts[length])
        while left:
            room = rooms.least(length)
            if room is None:
                room = window
                wanted = -(-left // (room // length))
                taken = np.arange(num_windows, num_windows + wanted, dtype=windows.dtype)
                num_windows += wanted
            else:
                taken = rooms.take(room, -(-left // (room // length)))
            each = room // length
            count = min(left, len(taken) * each)
            windows[order[placed : placed + count]] = np.repeat(taken, each)[:count]
            placed, left = placed + count, left - count
            filled, rest = divmod(count, each)
            rooms.put(room - each * length, taken[:filled])
            rooms.put(room - rest * length, taken[filled:])
    return windows, num_windows


class _Rooms:
    """Windows by the room that is left in them; full ones are forgotten."""

    def __init__(self):
        self._sorted = []
        self._windows = {}  # room -> arrays of windows

    def least(self, length):
        """Returns the least room that holds `length`, or None."""
        place = bisect.bisect_left(self._sorted, length)
        return self._sorted[place] if place < len(self._sorted) else None

    def put(self, room, windows):
        if not room or not len(windows):
            return
        if room not in self._windows:
            bisect.insort(self._sorted, room)
            self._windows[room] = collections.deque()
        self._windows[room].append(windows)

    def take(self, room, wanted):
        """Takes out the first `wanted` windows with this room, or all if there are fewer."""
        arrays, taken = self._windows[room], []
        while wanted and arrays:
            array = arrays.popleft()
            if len(array) > wanted:
                arrays.appendleft(array[wanted:])
                array = array[:wanted]
            taken.append(array)
            wanted -= len(array)
        if not arrays:
            del self._windows[room]
            self._sorted.remove(room)
        return np.concatenate(taken)


class Rows(typing.NamedTuple):
    """Pieces as a model reads them, row by row; all `(rows, sequence_length)`.

    Attributes:
        inputs: Token ids, int32; 0 on padding, which comes last.
        targets: The token after each input, int32; 0 on padding.
        inside: False on padding.
        starts: True at each piece's first input.
    """

    inputs: np.ndarray
    targets: np.ndarray
    inside: np.ndarray
    starts: np.ndarray


def read_padded(split, starts, lengths, sequence_length):
    """Reads a row from each start: `lengths` inputs and the token after the last, then zeros.

    Returns:
        int32 `(rows, sequence_length + 1)`.
    """
    tokens = np.zeros((len(starts), sequence_length + 1), np.int32)
    for row, start, length in zip(tokens, starts.tolist(), lengths.tolist()):
        if length > 0:
            row[: length + 1] = split.read(start, start + length + 1)
    return tokens


def read_rows(split, pieces_of_rows, sequence_length):
    """Reads a row from each list of `(start, length)`; returns `Rows`."""
    shape = (len(pieces_of_rows), sequence_length)
    rows = Rows(*(np.zeros(shape, kind) for kind in (np.int32, np.int32, bool, bool)))
    for row, pieces in enumerate(pieces_of_rows):
        place = 0
        for start, length in pieces:
            tokens = split.read(start, start + length + 1)
            rows.inputs[row, place : place + length] = tokens[:-1]
            rows.targets[row, place : place + length] = tokens[1:]
            rows.starts[row, place] = True
            place += length
        rows.inside[row, :place] = True
    return rows
