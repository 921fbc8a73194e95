"""The texts of a Parquet column with pages too large for memory, decompressed piece by piece.

pyarrow puts up to 1,024 values in a page, and a whole row group's in a dictionary, whatever their
lengths, and reads a page whole.
"""

import gzip
import io

from lm_zoo.data.corpora.readers.parquet_pages import (
    DATA_PAGE_V2,
    DICTIONARY_PAGE,
    PLAIN,
    pages,
)
from lm_zoo.data.corpora.readers.snappy_stream import decompressed

DICTIONARY_ENCODINGS = (2, 8)  # PLAIN_DICTIONARY, RLE_DICTIONARY
COMPRESSIONS = ("UNCOMPRESSED", "SNAPPY", "GZIP", "ZSTD")
KEPT_CHARACTERS = 1 << 24
KEPT_AT_MOST = 1 << 18
MAX_LEVEL_BYTES = 1 << 24  # bytes that say which values there are, or which of a dictionary


def can_stream(schema_column, column):
    """Whether `stream_texts` reads a column chunk: one text a row, and nothing around it.

    Args:
        schema_column: The column's `pyarrow.parquet.ColumnSchema`.
        column: The chunk's metadata.
    """
    return (
        schema_column.max_repetition_level == 0
        and schema_column.max_definition_level <= 1
        and "." not in schema_column.path
        and schema_column.logical_type.type == "STRING"
        and column.compression in COMPRESSIONS
        and set(column.encodings) <= {"PLAIN", "RLE", "PLAIN_DICTIONARY", "RLE_DICTIONARY"}
    )


def stream_texts(file, column, is_optional, most):
    """Yields a column chunk's texts, None for a null, one at a time.

    Args:
        file: The opened binary file.
        column: The chunk's metadata.
        is_optional: Whether there may be nulls.
        most: How many bytes a text may have.

    Raises:
        OSError: If the file is damaged.
        OverflowError: For a text that is longer than `most`.
    """
    dictionary = None
    for page in pages(file, column):
        if page.kind == DICTIONARY_PAGE:
            dictionary = _Dictionary(file, page, column.compression, most)
            continue
        there, body = _opened(file, page, column.compression, is_optional)
        if page.encoding == PLAIN:
            for is_there in there:
                yield _text(body, most) if is_there else None
        elif page.encoding in DICTIONARY_ENCODINGS and dictionary is not None:
            width = _exactly(body, 1)[0]
            places = iter(_hybrid(body.read(MAX_LEVEL_BYTES), width, sum(there)))
            for is_there in there:
                yield dictionary[next(places)] if is_there else None
        else:
            raise OSError(f"a page has the encoding {page.encoding}")


class _Dictionary:
    """The values of a dictionary's page, which are met in the order in which they stand there.

    Of those that are met again the first `KEPT_CHARACTERS` are at hand, and longer ones than
    `KEPT_AT_MOST` are looked for from the page's beginning.
    """

    def __init__(self, file, page, compression, most):
        self._open = lambda: _decompressed(_Section(file, page.start, page.length), compression)
        self._most = most
        self._last = (-1, None)
        self._body = self._open()
        self._kept, self._room = {}, KEPT_CHARACTERS

    def __getitem__(self, place):
        if place in self._kept:
            return self._kept[place]
        if place < self._last[0]:
            self._last, self._body = (-1, None), self._open()
        while self._last[0] < place:
            last, text = self._last[0] + 1, _text(self._body, self._most)
            self._last = (last, text)
            if len(text) <= min(KEPT_AT_MOST, self._room) and last not in self._kept:
                self._kept[last] = text
                self._room -= len(text) + 100  # a text takes some room however short
        return self._last[1]


def _opened(file, page, compression, is_optional):
    """Returns which values a data page has, a list of truth values, and the file of its values."""
    section = _Section(file, page.start, page.length)
    if page.kind == DATA_PAGE_V2:
        levels = _exactly(section, min(page.levels, MAX_LEVEL_BYTES))
        body = _decompressed(section, compression if page.is_compressed else "UNCOMPRESSED")
    else:
        body, levels = _decompressed(section, compression), b""
        if is_optional:
            size = int.from_bytes(_exactly(body, 4), "little")
            levels = _exactly(body, min(size, MAX_LEVEL_BYTES))
    if not is_optional:
        return [True] * page.num_values, body
    return [level == 1 for level in _hybrid(levels, 1, page.num_values)], body


def _hybrid(data, width, count):
    """Returns `count` whole numbers of Parquet's run-length and bit-packed encoding."""
    numbers, place, size = [], 0, (width + 7) // 8
    while len(numbers) < count:
        header = shift = 0
        while True:
            byte = data[place] if place < len(data) else _ends()
            place += 1
            header |= (byte & 127) << shift
            shift += 7
            if byte < 128 or shift > 35:
                break
        if header & 1:  # groups of eight, bit by bit
            wanted = min((header >> 1) * 8, count - len(numbers))
            packed = data[place : place + (wanted * width + 7) // 8]
            place += (header >> 1) * width
            if len(packed) * 8 < wanted * width or not header >> 1:
                _ends()
            numbers += _unpacked(packed, width, wanted)
        else:
            value = int.from_bytes(data[place : place + size], "little")
            place += size
            if place > len(data):
                _ends()
            numbers += [value] * min(header >> 1, count - len(numbers))
            if not header:
                _ends()
    return numbers


def _unpacked(data, width, count):
    import numpy as np

    bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")[: count * width]
    weights = 1 << np.arange(width, dtype=np.int64)
    return (bits.reshape(-1, width) @ weights).tolist() if width else [0] * count


def _text(body, most):
    size = int.from_bytes(_exactly(body, 4), "little")
    if size > most:
        raise OverflowError(size)
    return _exactly(body, size).decode("utf-8")


def _decompressed(section, compression):
    """Returns a file of what a section of a file decompresses to."""
    if compression == "UNCOMPRESSED":
        return io.BufferedReader(section)
    if compression == "GZIP":
        return gzip.GzipFile(fileobj=section)
    if compression == "ZSTD":
        import zstandard

        reader = zstandard.ZstdDecompressor().stream_reader(section)
        return io.BufferedReader(reader, 1 << 20)
    return io.BufferedReader(_Pieces(decompressed(io.BufferedReader(section, 1 << 20))), 1 << 20)


def _exactly(file, count):
    pieces = []
    while count:
        piece = file.read(min(count, 1 << 20))
        if not piece:
            _ends()
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)


def _ends():
    raise OSError("a page is truncated")


class _Section(io.RawIOBase):
    """Some bytes of a file that others read, too."""

    def __init__(self, file, start, length):
        self._file, self._place, self._left = file, start, length

    def readable(self):
        return True

    def readinto(self, buffer):
        self._file.seek(self._place)
        data = self._file.read(min(len(buffer), self._left))
        buffer[: len(data)] = data
        self._place += len(data)
        self._left -= len(data)
        return len(data)


class _Pieces(io.RawIOBase):
    """A file of what an iterator yields."""

    def __init__(self, pieces):
        self._pieces, self._rest = pieces, b""

    def readable(self):
        return True

    def readinto(self, buffer):
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count
