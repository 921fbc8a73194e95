"""The records of an event file: those that are whole, also behind a part that is damaged."""

import struct
import typing

import numpy as np
from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
from tensorboard.summary.writer.record_writer import masked_crc32c

FRAME = 16  # bytes of a record beside its content: length, checksum of length and of content
_HEAD = 12  # length and its checksum
_CRC32C = 0x82F63B78  # Castagnoli's polynomial, bits reversed


class Record(typing.NamedTuple):
    """One record.

    Attributes:
        begin: Where its frame begins in the file.
        end: Where it ends.
        content: What is in it, an `Event` in bytes.
    """

    begin: int
    end: int
    content: bytes


def whole_records(path, data):
    """Reads all records of an event file whose checksums are right.

    Args:
        path: The file.
        data: Its bytes.

    Returns:
        `(records, lost)`: `Record`s in order, and how many bytes are damaged: in no whole record,
        and not the beginning of one that a kill left half written at the end.
    """
    records, end, lost = [], 0, 0
    for content in RawEventFileLoader(str(path)).Load():  # which ends where the first is damaged
        begin, end = end, end + len(content) + FRAME
        records.append(Record(begin, end, bytes(content)))
    while end < len(data) and not _is_begun(data, end):
        record = _next_whole(data, end)
        begin = record.begin if record else len(data)
        lost, end = lost + begin - end, record.end if record else begin
        records += [record] if record else []
    return records, lost


def _is_begun(data, begin):
    """Whether the rest of the data is the beginning of a record, as a kill leaves it."""
    head = data[begin : begin + _HEAD]
    if len(head) < _HEAD:
        return any(head)
    (length,) = struct.unpack("<Q", head[:8])
    return _checksum(head[:8]) == head[8:] and begin + length + FRAME > len(data)


def _next_whole(data, begin):
    """Returns the first whole `Record` from a place on, or None."""
    for place in _places_of_heads(data, begin):
        (length,) = struct.unpack_from("<Q", data, place)
        end = place + length + FRAME
        content = data[place + _HEAD : end - 4]
        if end <= len(data) and _checksum(content) == data[end - 4 : end]:
            return Record(place, end, content)
    return None


def _places_of_heads(data, begin):
    """Returns the places from which eight bytes have the four behind them as their checksum."""
    rest = np.frombuffer(data, np.uint8)[begin:]
    count = len(rest) - _HEAD + 1
    if count <= 0:
        return []
    table = _table()
    crc = np.full(count, 0xFFFFFFFF, np.uint32)
    for i in range(8):
        crc = table[(crc ^ rest[i : i + count]) & 0xFF] ^ (crc >> np.uint32(8))
    crc = ~crc
    masked = ((crc >> np.uint32(15)) | (crc << np.uint32(17))) + np.uint32(0xA282EAD8)
    expected = np.zeros(count, np.uint32)
    for i in range(4):
        expected |= rest[8 + i : 8 + i + count].astype(np.uint32) << np.uint32(8 * i)
    return (begin + np.flatnonzero(masked == expected)).tolist()


def _table():
    """What each byte does to a CRC-32C, uint32 `(256,)`."""
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> np.uint32(1)) ^ np.uint32(_CRC32C), table >> 1)
        table = table.astype(np.uint32)
    return table


def _checksum(data):
    return struct.pack("<I", masked_crc32c(data))
