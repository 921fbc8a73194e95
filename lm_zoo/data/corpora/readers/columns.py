"""Records in lines of text whose columns stand at white space: `1 a fine film`."""

from lm_zoo.data.corpora.readers.decoding import lines, pieces
from lm_zoo.data.corpora.readers.record_text import ended
from lm_zoo.errors import UserError


def lines_of_columns(source, encoding, fields, numbers=False):
    """Yields the fields' texts of each line; the last column that is named is the rest of it.

    Args:
        source: The `SourceFile`.
        encoding: Its encoding.
        fields: Config field -> the column's number, from 1.
        numbers: Ignored, since columns of lines are always text; other readers of records need it.

    Raises:
        UserError: For a column that is not a number, or a line with fewer columns.
    """
    for setting, column in fields.items():
        if not (column.isascii() and column.isdecimal() and int(column)):
            raise UserError(
                f"{setting}: {str(source.path)!r} has columns; expected a column number, from 1, "
                f"received {column!r}."
            )
    places = [int(column) - 1 for column in fields.values()]
    for number, line in lines(source, pieces(source, encoding)):
        if not line.strip():
            continue
        texts = line.split(None, max(places))
        if len(texts) <= max(places):
            raise source.error(
                f"expected {max(places) + 1} columns, received {len(texts)}.", number
            )
        yield tuple(ended(texts[place]) for place in places)
