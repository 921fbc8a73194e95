"""Files of records, each with fields of text: how each format is read."""

from lm_zoo.data.corpora.readers.columns import lines_of_columns
from lm_zoo.data.corpora.readers.json_records import json_lines, json_values
from lm_zoo.data.corpora.readers.parquet import parquet_rows
from lm_zoo.data.corpora.readers.record_tables import separated_values

# A value of `source_file.FORMATS` -> a function of a `SourceFile`, an encoding and the fields
# (config field -> the name that it gives) that yields each record's texts, a tuple. With
# `numbers=True`, what is no text but a number is one as it is written; so labels may be.
RECORDS = {
    "json lines": json_lines,
    "json": json_values,
    "csv": separated_values,
    "tsv": separated_values,
    "parquet": parquet_rows,
    "text": lines_of_columns,
}
