"""The texts in a record, and what is wrong with a record that has none."""

import json

from lm_zoo.data.corpora.readers.decoding import too_long
from lm_zoo.data.corpora.readers.source_file import MAX_LENGTH
from lm_zoo.errors import UserError


def texts_of(source, record, fields, number, unit="line", numbers=False):
    """Returns a record's texts, one of each of `fields`; see `text_of`."""
    return tuple(
        text_of(source, record, field, setting, number, unit, numbers)
        for setting, field in fields.items()
    )


def text_of(source, record, field, setting, number, unit="line", numbers=False):
    """Returns a field's text: its string, or strings, which are joined by newlines.

    Args:
        source: The `SourceFile`, for errors.
        record: What was read, usually a dict.
        field: The field's name; dots lead into objects within objects.
        setting: The config field that names it, for errors.
        number: The record's line or row, for errors.
        unit: What `number` counts.
        numbers: Whether numbers, true and false are texts, as JSON writes them.

    Returns:
        The text without newlines at its end, empty for a field that is null.

    Raises:
        UserError: If there is no such field, or no text in it.
    """
    value = record
    for name in [field] if isinstance(record, dict) and field in record else field.split("."):
        if not isinstance(value, dict) or name not in value:
            names = value if isinstance(value, dict) else ()
            raise no_field(source, names, field, setting, number, unit)
        value = value[name]
    if isinstance(value, list) and all(isinstance(text, str) for text in value):
        value = "\n".join(value)
    if value is None:
        return ""
    if numbers and isinstance(value, (bool, int, float)):
        return json.dumps(value)
    if not isinstance(value, str):
        shown = repr(value)[:40]
        raise source.error(f"expected text in {field!r}, received {shown}.", number, unit)
    if len(value) > MAX_LENGTH:
        raise too_long(source, number, "the text", unit)
    return ended(_unicode(source, value, number, unit))


def _unicode(source, text, number, unit):
    """Returns the text if it is one: JSON's escapes can spell half a surrogate pair."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise source.error(
            f"the text has a lone surrogate (U+{ord(text[error.start]):04X}), which is not a "
            "character; fix or remove it.",
            number,
            unit,
        ) from None
    return text


def ended(text):
    """Returns a text without newlines at its end, empty if it is blank."""
    return text.rstrip("\r\n") if text.strip() else ""


def no_field(source, names, field, setting, number, unit="line"):
    """Builds the error for a field that is not there, or not named; it lists those there are."""
    listed = ", ".join(sorted(map(str, names))[:12]) or "no fields"
    if not field:
        return UserError(
            f"{setting}: {str(source.path)!r} has records; set this to the field with the text. "
            f"It has: {listed}."
        )
    return source.error(
        f"there is no field {field!r}; it has: {listed}. Set {setting} to the one with the text.",
        number,
        unit,
    )
