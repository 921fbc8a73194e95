"""Records in tables of text: CSV and TSV."""

import csv

from lm_zoo.data.corpora.readers.decoding import lines, pieces, too_long
from lm_zoo.data.corpora.readers.record_text import ended, no_field
from lm_zoo.data.corpora.readers.source_file import MAX_LENGTH

# Characters; of each the library keeps four bytes while it reads a field, and every few of them may
# be a field.
MAX_RECORD = MAX_LENGTH // 4


def separated_values(source, encoding, fields, numbers=False):
    """Yields the fields' texts of each CSV record; TSV has no quotes, as IANA registered it.

    A field is a column's name in the first record or, where all are numbers, its number, from 1, in
    a file without names.
    """
    csv.field_size_limit(max(csv.field_size_limit(), MAX_RECORD))
    tabs = {"delimiter": "\t", "quoting": csv.QUOTE_NONE} if source.format == "tsv" else {}
    record = _Record(source, quotes=not tabs)
    reader = csv.reader(record.lines(pieces(source, encoding)), strict=True, **tabs)
    try:
        width, columns = None, None
        if all(field.isdecimal() and int(field) for field in fields.values()):
            columns = [int(field) - 1 for field in fields.values()]
        for row in reader:
            record.begin()
            if not row:
                continue
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
        if record.is_quoted and "end of data" in str(error):
            raise source.error(
                f"not CSV (the quote that opens here is never closed; the file ends in line "
                f"{reader.line_num:,}).",
                record.opened,
            ) from None
        raise source.error(f"not CSV ({error}).", reader.line_num) from None


class _Record:
    """Hands lines to the library, and knows where the record began that it is in.

    Attributes:
        is_quoted: Whether a quote is open at the end of what was handed over.
        opened: The line where the last quote that was not closed in its line was opened.
    """

    def __init__(self, source, quotes):
        self._source = source
        self._quotes = quotes
        self.opened = 1
        self.begin()

    def begin(self):
        """Notes that the next line begins a record."""
        self._length, self._first, self.is_quoted = 0, None, False

    def lines(self, text_pieces):
        """Yields lines with their newlines.

        Raises:
            UserError: For a record longer than `MAX_RECORD`.
        """
        for number, line in lines(self._source, text_pieces):
            self._first = self._first or number
            self._length += len(line) + 1
            if self._length > MAX_RECORD:
                what = "the record that begins here"
                if self.is_quoted:
                    what += (
                        f", because the quote that opens in line {self.opened:,} is never closed,"
                    )
                raise too_long(self._source, self._first, what, limit=MAX_RECORD)
            if self._quotes and line.count('"') % 2:  # doubled ones within a field do not count
                self.is_quoted = not self.is_quoted
                self.opened = number if self.is_quoted else self.opened
            yield line + "\n"


def _columns(source, names, fields, number):
    for setting, field in fields.items():
        if field not in names:
            raise no_field(source, names, field, setting, number)
    return [names.index(field) for field in fields.values()]
