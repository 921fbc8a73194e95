"""Records in Parquet files, within bounds of memory: see `lm_zoo.data.corpora.readers.parquet_pages`."""

import contextlib
import zlib

from lm_zoo.data.corpora.readers.decoding import too_long
from lm_zoo.data.corpora.readers.parquet_pages import (
    DELTA_BYTE_ARRAY,
    DICTIONARY_PAGE,
    pages,
)
from lm_zoo.data.corpora.readers.parquet_stream import can_stream, stream_texts
from lm_zoo.data.corpora.readers.record_text import no_field, texts_of
from lm_zoo.data.corpora.readers.source_file import MAX_LENGTH
from lm_zoo.errors import UserError
from lm_zoo.files import raise_if_of_system
from lm_zoo.files.input_files import open_input

MAX_PAGE = MAX_LENGTH + (1 << 20)  # bytes: one text as long as may be, and what stands around it
MAX_PAGE_VALUES = 1 << 24  # for each Arrow keeps some bytes
MAX_LIST_VALUES = 1 << 26  # in a row group: a row's list may be all of them
MAX_LIST = 1 << 22  # texts in one row
BATCH_BYTES = 1 << 26
BATCH_ROWS = 256
SMALL_BATCH = 1 << 20  # bytes


def parquet_rows(source, encoding, fields, numbers=False):
    """Yields the fields' texts of each row of a Parquet file.

    A column chunk's dictionary and one page are in memory, each of at most `MAX_PAGE` decompressed
    and again as much compressed, and about `BATCH_BYTES` of rows; of a larger page a text at a time
    (`lm_zoo.data.corpora.readers.parquet_stream`).
    """
    from zstandard import ZstdError

    del encoding  # Parquet's strings are UTF-8
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise source.error(
            'reading Parquet needs pyarrow; install it with: pip install "lm_zoo[parquet]".'
        ) from None
    if source.compression:
        raise source.error("a Parquet file is compressed inside; decompress it first.")
    source.check_unchanged()
    try:
        with contextlib.ExitStack() as opened:
            raw = opened.enter_context(open_input(source.path))
            file = opened.enter_context(pyarrow.parquet.ParquetFile(source.path))
            _check_fields(source, file.schema_arrow, fields)
            found = _columns(file, fields)
            lists = [path for _, path, is_list in found if is_list]
            # As a dictionary, a text that is repeated in a list is in memory once.
            file = opened.enter_context(
                pyarrow.parquet.ParquetFile(
                    source.path, read_dictionary=lists, buffer_size=1 << 20, pre_buffer=False
                )
            )
            number = 0
            for group in range(file.metadata.num_row_groups):
                chunks = file.metadata.row_group(group)
                streams = all(
                    can_stream(file.schema.column(n), chunks.column(n)) for n, *_ in found
                )
                size = _batch_rows(source, raw, chunks, found, number, streams)
                if size:
                    batches = file.iter_batches(size, [group], list(fields.values()), False)
                    rows = _rows(source, batches, fields, number)
                else:
                    rows = _streamed(source, raw, file.schema, chunks, found, number)
                for row in rows:
                    number += 1
                    yield texts_of(source, row, fields, number, "row", numbers)
    except UserError:
        raise
    except (pyarrow.ArrowException, ValueError, OSError, EOFError, zlib.error, ZstdError) as error:
        raise_if_of_system(error)
        detail = " ".join(str(error).split())
        raise source.error(f"this is not a readable Parquet file ({detail:.300}).") from None
    source.check_unchanged()


def _check_fields(source, schema, fields):
    for setting, field in fields.items():
        if field not in schema.names and field.split(".")[0] not in schema.names:
            raise no_field(source, schema.names, field, setting, None)


def _columns(file, fields):
    """Returns `(number, path, whether lists lead to it)` of each column that fields are read from."""
    found = []
    for number in range(len(file.schema)):
        column = file.schema.column(number)
        if any(f"{column.path}.".startswith(f"{field}.") for field in fields.values()):
            found.append((number, column.path, column.max_repetition_level > 0))
    return found


def _batch_rows(source, raw, group, columns, before, streams):
    """Returns how many rows of a row group may be read at once, judging by its page headers.

    That is 0 where a page is too large, but can be read a text at a time.

    Args:
        source: The `SourceFile`.
        raw: The opened file.
        group: The row group's metadata.
        columns: `(number, path, is_list)` of each column to read.
        before: How many rows there are before it.
        streams: Whether all columns can be read a text at a time.

    Raises:
        UserError: If a row needs too much memory in any case; names the first row.
    """
    largest = 1
    for number, path, is_list in columns:
        row, values, most = before + 1, 0, 0
        for page in pages(raw, group.column(number)):
            _check_page(source, page, path, is_list, row, streams)
            most = max(most, page.num_bytes)
            if page.kind != DICTIONARY_PAGE:
                values += page.num_values
                row += 0 if is_list else page.num_values
        if is_list and values > MAX_LIST_VALUES:
            raise source.error(
                f"{path!r}: the row group that begins here has {values:,} values in lists, more "
                f"than the maximum of {MAX_LIST_VALUES:,}; {_SMALLER_GROUPS}.",
                before + 1,
                "row",
            )
        largest += most
        if most > MAX_PAGE:
            return 0
    return max(1, min(BATCH_ROWS, BATCH_BYTES // largest))


_SMALLER_GROUPS = "write the file with smaller row groups (row_group_size of pyarrow's write_table)"


def _check_page(source, page, path, is_list, row, streams):
    def refused(what):
        return source.error(f"{path!r}: {what}.", row, "row")

    if page.num_bytes > MAX_PAGE and not streams:
        raise refused(
            f"the page that begins here takes {page.num_bytes:,} bytes, more than the maximum of "
            f"{MAX_PAGE:,}; {_SMALLER_GROUPS}"
        )
    if page.num_values > MAX_PAGE_VALUES:
        raise refused(
            f"the page that begins here has {page.num_values:,} values, more than the maximum of "
            f"{MAX_PAGE_VALUES:,}; {_SMALLER_GROUPS}"
        )
    if is_list and page.encoding == DELTA_BYTE_ARRAY:
        raise refused(
            "lists in the encoding DELTA_BYTE_ARRAY are not supported, because a few bytes can "
            "expand to any size; write the file with another one"
        )


def _streamed(source, raw, schema, group, columns, number):
    """Yields rows as dicts, a text of each column at a time."""
    texts = [
        stream_texts(raw, group.column(n), schema.column(n).max_definition_level > 0, MAX_LENGTH)
        for n, *_ in columns
    ]
    names = [path for _, path, _ in columns]
    try:
        for row in zip(*texts, strict=True):
            yield dict(zip(names, row, strict=True))
            number += 1
    except OverflowError:
        raise too_long(source, number + 1, "the text", "row") from None


def _rows(source, batches, fields, number):
    """Yields rows as dicts; each is made of Arrow's memory when it is asked for."""
    import pyarrow

    for batch in batches:
        nested = any(pyarrow.types.is_nested(column.type) for column in batch.columns)
        if not nested and batch.nbytes < SMALL_BATCH:  # ten times as fast
            yield from batch.to_pylist()
            number += batch.num_rows
            continue
        for place in range(batch.num_rows):
            number += 1
            for field in fields.values():
                _check_list(source, batch, place, field, number)
            yield {
                name: column[place].as_py()
                for name, column in zip(batch.schema.names, batch.columns)
            }


def _check_list(source, batch, place, field, number):
    """Sees that a list of texts is no larger than a text may be."""
    import pyarrow
    import pyarrow.compute

    if field in batch.schema.names:
        scalar, names = batch.column(field)[place], []
    else:
        first, *names = field.split(".")
        scalar = batch.column(first)[place]
    for name in names:
        if not pyarrow.types.is_struct(scalar.type) or not scalar.is_valid:
            return
        if name not in [scalar.type.field(i).name for i in range(scalar.type.num_fields)]:
            return
        scalar = scalar[name]
    if not pyarrow.types.is_nested(scalar.type) or not scalar.is_valid:
        return
    values = getattr(scalar, "values", None)
    if not pyarrow.types.is_list(scalar.type) or not pyarrow.types.is_dictionary(values.type):
        if pyarrow.types.is_list(scalar.type) and not pyarrow.types.is_nested(values.type):
            return
        raise source.error(f"expected text in {field!r}, received {scalar.type}.", number, "row")
    if len(values) > MAX_LIST:
        raise source.error(
            f"the list {field!r} has {len(values):,} texts, more than the maximum of "
            f"{MAX_LIST:,}; split it into several rows.",
            number,
            "row",
        )
    lengths = pyarrow.compute.binary_length(values.dictionary).take(values.indices)
    size = (pyarrow.compute.sum(lengths).as_py() or 0) + len(values)
    if size > MAX_LENGTH:
        raise source.error(
            f"the texts in the list {field!r} have {size:,} bytes, more than the maximum of "
            f"{MAX_LENGTH:,}; split it into several rows.",
            number,
            "row",
        )
