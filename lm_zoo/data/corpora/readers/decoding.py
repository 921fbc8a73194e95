"""Bytes of a file, decompressed and decoded piece by piece: memory does not grow with the file."""

import bz2
import codecs
import gzip
import itertools
import lzma
import zlib
from encodings.aliases import aliases

from lm_zoo.data.corpora.readers.source_file import MAX_LENGTH
from lm_zoo.errors import UserError, unknown_name
from lm_zoo.files import reason
from lm_zoo.files.input_files import open_input
from lm_zoo.text.words import utf8

BLOCK_BYTES = 1 << 20
XZ_MEMORY = 128 << 20  # which Zstandard's library allows itself, too; xz -9 needs half of it
_ZSTD_END = b"\0the end of the Zstandard frames\0"


def check_encoding(encoding):
    """Raises a `UserError` unless Python can decode text in `encoding`."""
    if not _decodes_text(encoding):
        # Python has names of codecs that are not of text, and some of other systems.
        names = {name.replace("_", "-") for name in aliases.values() if _decodes_text(name)}
        raise unknown_name("corpus.encoding", encoding, names)


def _decodes_text(encoding):
    try:
        codecs.getincrementaldecoder(encoding)
        b"a".decode(encoding)  # a codec of bytes to bytes, such as hex, is none of text
    except UnicodeDecodeError:
        return True  # two bytes a character, for one
    except (LookupError, TypeError, ValueError):
        return False
    return True


def blocks(source):
    """Iterates over a file's bytes, decompressed if its name says so, a MiB at most at a time.

    Raises:
        UserError: If it cannot be read, is truncated or damaged, or changed since it was found.
    """
    from zstandard import ZstdError

    source.check_unchanged()
    try:
        with open_input(source.path) as file:
            yield from _decompressed(file, source.compression)
    except (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, ZstdError) as error:
        detail = " ".join(str(error).split()).rstrip(".")
        if "memory" in detail.lower():
            raise source.error(
                f"it takes more than {XZ_MEMORY >> 20} MiB to decompress ({detail}); compress it "
                "again with a smaller dictionary or window (xz -9, or zstd without --long)."
            ) from None
        raise source.error(
            f"it is truncated or damaged ({detail}); create or download it again."
        ) from None
    except OSError as error:
        raise source.error(f"could not be read: {reason(error)}.") from None
    source.check_unchanged()


def _decompressed(file, compression):
    if compression in (".zst", ".xz"):
        yield from _zstd_blocks(file) if compression == ".zst" else _xz_blocks(file)
        return
    openers = {".gz": gzip.open, ".bz2": bz2.open}
    reader = openers[compression](file) if compression else file
    while block := reader.read(BLOCK_BYTES):
        yield block


def _xz_blocks(file):
    """Decompresses streams of xz with bounded memory; Python's own files take what a header says.

    Streams may follow one another, with zeros between them.
    """
    decompressor, data = None, b""
    while data or (data := file.read(BLOCK_BYTES)):
        if decompressor is None:
            data = data.lstrip(b"\0")
            if not data:
                continue
            decompressor = lzma.LZMADecompressor(memlimit=XZ_MEMORY)
        block, data = decompressor.decompress(data, BLOCK_BYTES), b""
        if block:
            yield block
        while not decompressor.eof and not decompressor.needs_input:
            if block := decompressor.decompress(b"", BLOCK_BYTES):
                yield block
        if decompressor.eof:
            decompressor, data = None, decompressor.unused_data
    if decompressor is not None:
        raise EOFError("the file ends before its last stream does")


def _zstd_blocks(file):
    """Decompresses Zstandard frames, and notices when the last one is cut short.

    The library's reader ends without a word where its input ends. So a frame of ours is put behind
    the file's: it comes out at the end only if all before it was whole.
    """
    import zstandard

    tail = zstandard.ZstdCompressor().compress(_ZSTD_END)
    chained = itertools.chain(iter(lambda: file.read(BLOCK_BYTES), b""), [tail])
    reader = zstandard.ZstdDecompressor().stream_reader(_Reader(chained), read_across_frames=True)
    held = b""
    while block := reader.read(BLOCK_BYTES):
        held += block
        yield held[: -len(_ZSTD_END)]
        held = held[-len(_ZSTD_END) :]
    if held != _ZSTD_END:
        raise EOFError("the file ends before its last frame does")


class _Reader:
    """The least that a file must be for `zstandard`: whatever comes next, however long."""

    def __init__(self, chunks):
        self._chunks = chunks

    def read(self, size=-1):
        return next(self._chunks, b"")


def pieces(source, encoding):
    """Iterates over a file's text in pieces of at most a MiB; a byte order mark is dropped.

    Args:
        source: A `SourceFile`.
        encoding: Any that Python knows.

    Raises:
        UserError: If the file cannot be read or decompressed, or has bytes that are invalid in the
            encoding; with file, line and offset (of the decompressed bytes).
    """
    decoder = codecs.getincrementaldecoder(encoding)()
    offset, lines, at_start = 0, 0, True
    for block in itertools.chain(blocks(source), (b"",)):
        offset += len(block)
        try:
            piece = decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            decoded = error.object[: error.start].decode(encoding, errors="ignore")
            raise _not_encoded(
                f"{source.field}: {str(source.path)!r}",
                encoding,
                error.object[error.start],
                offset - len(error.object) + error.start,
                lines + decoded.count("\n") + 1,
            ) from None
        except UnicodeError as error:
            raise source.error(f"not {encoding} ({error}); set corpus.encoding.") from None
        if at_start and piece:
            piece, at_start = piece.removeprefix("\ufeff"), False
        if piece:
            lines += piece.count("\n")
            yield piece


def _not_encoded(name, encoding, byte, offset, line):
    shown = "UTF-8" if codecs.lookup(encoding).name == "utf-8" else encoding
    return UserError(
        f"{name} is not {shown}: byte 0x{byte:02x} at offset {offset}, in line {line:,}; set "
        "corpus.encoding to its encoding, or convert it to UTF-8 first (e.g. with iconv)."
    )


def lines(source, text_pieces):
    """Iterates over `(number, line)` of a text, numbers from 1, without the newlines.

    Raises:
        UserError: For a line longer than `MAX_LENGTH`, naming file and line, before more of it is
            read.
    """
    number, begun, length = 1, [], 0
    for piece in text_pieces:
        first, *rest = piece.split("\n")
        begun.append(first)
        if not rest:
            length += len(utf8(first))
            if length > MAX_LENGTH:
                raise too_long(source, number)
            continue
        yield number, "".join(begun)
        for line in rest[:-1]:
            number += 1
            yield number, line
        number += 1
        begun, length = [rest[-1]], 0
    if last := "".join(begun):
        yield number, last


def too_long(source, number, what="the line", unit="line", limit=None):
    """Builds the error for something that would not fit into memory as a whole.

    Args:
        source: The `SourceFile`.
        number: Its line or row.
        what: What it is called.
        unit: What `number` counts.
        limit: Bytes that it may have; None is `MAX_LENGTH`.
    """
    limit = MAX_LENGTH if limit is None else limit
    return source.error(
        f"{what} is longer than {limit >> 20} MiB; cut it into shorter ones first.", number, unit
    )
