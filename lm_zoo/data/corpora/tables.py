"""Records in tables: CSV, TSV and Parquet."""

import csv

from lm_zoo.data.corpora.decoding import lines, pieces
from lm_zoo.data.corpora.record_text import ended, no_field, text_of
from lm_zoo.data.corpora.source_file import MAX_LENGTH


def separated_values(source, encoding, field):
    """Yields the field's text of each CSV record; TSV has no quotes, as IANA registered it.

    `field` is a column's name in the first record, or its number, from 1, in a file without names.
    """
    # In characters, and the library keeps four bytes for each while it reads a field.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_LENGTH // 4))
    tabs = {"delimiter": "\t", "quoting": csv.QUOTE_NONE} if source.format == "tsv" else {}
    text = (line + "\n" for _, line in lines(source, pieces(source, encoding)))
    reader = csv.reader(text, strict=True, **tabs)
    try:
        width, column = None, None
        if field.isdecimal() and int(field):
            column = int(field) - 1
        for row in filter(None, reader):
            if column is None:
                width, column = len(row), _column(source, row, field, reader.line_num)
                continue
            if width not in (None, len(row)) or column >= len(row):
                raise source.error(
                    f"expected {width or field} columns, received {len(row)}.", reader.line_num
                )
            yield ended(row[column])
    except csv.Error as error:
        raise source.error(f"not CSV ({error}).", reader.line_num) from None


def _column(source, names, field, number):
    if field in names:
        return names.index(field)
    raise no_field(source, names, field, number)


def parquet_rows(source, encoding, field):
    """Yields the field's text of each row of a Parquet file, a row group's pages at a time."""
    del encoding  # Parquet's strings are UTF-8
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise source.error(
            'reading Parquet needs pyarrow; install it by: pip install "lm_zoo[parquet]".'
        ) from None
    if source.compression:
        raise source.error("a Parquet file is compressed inside; decompress it first.")
    source.check_unchanged()
    number = 0
    try:
        with pyarrow.parquet.ParquetFile(source.path, buffer_size=1 << 20) as file:
            names = file.schema_arrow.names
            if field not in names and field.split(".")[0] not in names:
                raise no_field(source, names, field, None)
            for batch in file.iter_batches(batch_size=256, columns=[field]):
                for number, row in enumerate(batch.to_pylist(), number + 1):
                    yield text_of(source, row, field, number, "row")
    except (pyarrow.ArrowException, UnicodeDecodeError, OSError) as error:
        detail = " ".join(str(error).split())
        raise source.error(f"not a Parquet file that can be read ({detail}).") from None
    source.check_unchanged()
