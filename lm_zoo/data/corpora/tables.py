"""Records in tables: CSV, TSV and Parquet."""

import csv

from lm_zoo.data.corpora.decoding import lines, pieces
from lm_zoo.data.corpora.record_text import ended, no_field, texts_of
from lm_zoo.data.corpora.source_file import MAX_LENGTH
from lm_zoo.files import raise_if_of_system


def separated_values(source, encoding, fields):
    """Yields the fields' texts of each CSV record; TSV has no quotes, as IANA registered it.

    A field is a column's name in the first record or, where all are numbers, its number, from 1, in
    a file without names.
    """
    # In characters, and the library keeps four bytes for each while it reads a field.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_LENGTH // 4))
    tabs = {"delimiter": "\t", "quoting": csv.QUOTE_NONE} if source.format == "tsv" else {}
    text = (line + "\n" for _, line in lines(source, pieces(source, encoding)))
    reader = csv.reader(text, strict=True, **tabs)
    try:
        width, columns = None, None
        if all(field.isdecimal() and int(field) for field in fields.values()):
            columns = [int(field) - 1 for field in fields.values()]
        for row in filter(None, reader):
            if columns is None:
                width, columns = len(row), _columns(source, row, fields, reader.line_num)
                continue
            if width not in (None, len(row)) or max(columns) >= len(row):
                raise source.error(
                    f"expected {width or max(columns) + 1} columns, received {len(row)}.",
                    reader.line_num,
                )
            yield tuple(ended(row[column]) for column in columns)
    except csv.Error as error:
        raise source.error(f"not CSV ({error}).", reader.line_num) from None


def _columns(source, names, fields, number):
    for setting, field in fields.items():
        if field not in names:
            raise no_field(source, names, field, setting, number)
    return [names.index(field) for field in fields.values()]


def parquet_rows(source, encoding, fields):
    """Yields the fields' texts of each row of a Parquet file, a row group's pages at a time."""
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
            for setting, field in fields.items():
                if field not in names and field.split(".")[0] not in names:
                    raise no_field(source, names, field, setting, None)
            for batch in file.iter_batches(batch_size=256, columns=list(fields.values())):
                for number, row in enumerate(batch.to_pylist(), number + 1):
                    yield texts_of(source, row, fields, number, "row")
    except (pyarrow.ArrowException, UnicodeDecodeError, OSError) as error:
        raise_if_of_system(error)
        detail = " ".join(str(error).split())
        raise source.error(f"not a Parquet file that can be read ({detail}).") from None
    source.check_unchanged()
