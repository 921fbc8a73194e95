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
        numbers: As in `record_text.text_of`; here all are texts.

    Raises:
        UserError: For a column that is no number, or a line that has fewer.
    """
    for setting, column in fields.items():
        if not (column.isascii() and column.isdecimal() and int(column)):
            raise UserError(
                f"{setting}: {str(source.path)!r} has lines of columns; expected a column's number "
                f"from 1, received {column!r}."
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
