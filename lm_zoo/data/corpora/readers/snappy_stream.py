"""Snappy's block format, decompressed piece by piece; its own library wants all of it in memory.

See `format_description.txt` of google/snappy. Its compressors refer back no further than 64 KiB.
"""

import io

WINDOW = 1 << 16
PIECE = 1 << 20


def decompressed(file):
    """Yields the bytes that a block of Snappy stands for.

    Args:
        file: A binary file that ends with the block.

    Raises:
        OSError: If it is damaged, or refers back further than `WINDOW`.
    """
    file = io.BufferedReader(file, PIECE) if isinstance(file, io.RawIOBase) else file
    left = _length(file)
    window = bytearray()
    while left:
        tag = _bytes(file, 1)[0]
        if tag & 3 == 0:
            length = (tag >> 2) + 1
            if length > 60:
                length = int.from_bytes(_bytes(file, length - 60), "little") + 1
            left -= length
            while length > 0:  # of a literal, as much as is there at once
                piece = _bytes(file, min(length, PIECE))
                window += piece
                length -= len(piece)
                if len(window) > PIECE + WINDOW:
                    yield bytes(window[:-WINDOW])
                    del window[:-WINDOW]
        else:
            if tag & 3 == 1:
                length, offset = (tag >> 2 & 7) + 4, (tag >> 5) << 8 | _bytes(file, 1)[0]
            else:
                length = (tag >> 2) + 1
                offset = int.from_bytes(_bytes(file, 2 if tag & 3 == 2 else 4), "little")
            if not 0 < offset <= len(window):
                raise OSError("a Snappy back-reference is out of range")
            left -= length
            start = len(window) - offset
            found = window[start : start + length]
            window += found * (length // len(found)) + found[: length % len(found)]
            if len(window) > PIECE + WINDOW:
                yield bytes(window[:-WINDOW])
                del window[:-WINDOW]
        if left < 0:
            raise OSError("a Snappy block is longer than declared")
    yield bytes(window)


def _length(file):
    value = shift = 0
    while True:
        byte = _bytes(file, 1)[0]
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value
        if shift > 35:
            raise OSError("a Snappy block is damaged")


def _bytes(file, count):
    data = file.read(count)
    if len(data) < count:
        raise OSError("a Snappy block is truncated")
    return data
