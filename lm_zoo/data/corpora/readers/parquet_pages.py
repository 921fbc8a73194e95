"""What the pages of a Parquet file say of themselves, so that it is known before what they take.

A page is decompressed whole, and a few bytes of it can stand for gigabytes: a dictionary's value
that is repeated, or a text that begins as the one before. pyarrow neither bounds this nor shows it,
so the headers are read here. They are structures of Apache Thrift in its compact form; see
`parquet.thrift` of apache/parquet-format.
"""

import dataclasses
import errno

PLAIN, DELTA_BYTE_ARRAY = 0, 7
DATA_PAGE, DICTIONARY_PAGE, DATA_PAGE_V2 = 0, 2, 3
FIRST_READ = 1 << 12  # bytes of a header looked at; doubled until it is whole
MAX_HEADER = 1 << 24  # Arrow's own limit
MAX_NESTING = 8  # structures within one another


@dataclasses.dataclass(frozen=True)
class Page:
    """What a page's header says.

    Attributes:
        kind: `DATA_PAGE`, `DICTIONARY_PAGE`, `DATA_PAGE_V2`, or another.
        num_bytes: Decompressed, levels included.
        num_values: How many values it has; of lists, their elements.
        encoding: Of the values.
        start: Where in the file its bytes begin, behind the header.
        length: How many bytes they are there.
        levels: How many of them say which values there are, where these are never compressed.
        is_compressed: Whether the rest is compressed, where the file is.
    """

    kind: int
    num_bytes: int
    num_values: int
    encoding: int
    start: int
    length: int
    levels: int
    is_compressed: bool


def pages(file, column):
    """Yields the `Page`s of a column chunk.

    Args:
        file: The opened binary file.
        column: The chunk's `pyarrow.parquet.ColumnChunkMetaData`.

    Raises:
        OSError: For a header that is damaged.
    """
    start = column.data_page_offset
    if column.has_dictionary_page and 0 < column.dictionary_page_offset < start:
        start = column.dictionary_page_offset
    end = start + column.total_compressed_size
    while start < end:
        header, length = _read_header(file, start, end)
        yield _page(header, start + length)
        start += length + header[3]


def _read_header(file, start, end):
    """Returns a header's fields and its length."""
    size = FIRST_READ
    while True:
        file.seek(start)
        data = file.read(min(size, end - start))
        try:
            reader = _Compact(data)
            header = reader.structure()
            if header.get(2, -1) < 0 or header.get(3, -1) < 0:
                raise _damaged()
            return header, reader.place
        except IndexError:
            if size >= min(MAX_HEADER, end - start):
                raise _damaged() from None
            size *= 2


def _page(header, start):
    kind = header.get(1)
    inner = header.get({DATA_PAGE: 5, DICTIONARY_PAGE: 7, DATA_PAGE_V2: 8}.get(kind), {})
    encoding = inner.get(4 if kind == DATA_PAGE_V2 else 2, PLAIN)
    return Page(
        kind=kind,
        num_bytes=header[2],
        num_values=inner.get(1, 0),
        encoding=encoding,
        start=start,
        length=header[3],
        levels=inner.get(5, 0) + inner.get(6, 0) if kind == DATA_PAGE_V2 else 0,
        is_compressed=kind != DATA_PAGE_V2 or inner.get(7, True),
    )


def _damaged():
    return OSError(errno.EIO, "a page's header is damaged")


class _Compact:
    """Reads structures in Thrift's compact form; an `IndexError` means that the bytes end."""

    def __init__(self, data):
        self.data = data
        self.place = 0

    def structure(self, nesting=0):
        """Returns field number -> whole number or structure; of others only that they are there."""
        if nesting > MAX_NESTING:
            raise _damaged()
        fields, number = {}, 0
        while byte := self._byte():
            number = number + (byte >> 4) if byte >> 4 else self._signed()
            fields[number] = self._value(byte & 15, nesting)
        return fields

    def _value(self, kind, nesting):
        if kind in (1, 2):  # true, false
            return kind == 1
        if kind == 3:
            return self._byte()
        if kind in (4, 5, 6):
            return self._signed()
        if kind == 7:
            return self._skip(8)
        if kind == 8:  # bytes
            return self._skip(self._unsigned())
        if kind in (9, 10):  # list, set
            return self._list(nesting)
        if kind == 12:
            return self.structure(nesting + 1)
        raise _damaged()

    def _list(self, nesting):
        byte = self._byte()
        count = byte >> 4 if byte >> 4 < 15 else self._unsigned()
        for _ in range(count):
            if byte & 15 in (1, 2):
                self._byte()
            else:
                self._value(byte & 15, nesting + 1)

    def _byte(self):
        byte = self.data[self.place]
        self.place += 1
        return byte

    def _unsigned(self):
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
            if shift > 63:
                raise _damaged()

    def _signed(self):
        value = self._unsigned()
        return (value >> 1) ^ -(value & 1)

    def _skip(self, count):
        self.place += count
        if self.place > len(self.data):
            raise IndexError
