"""Where a line ends."""

import re

_LINE_BREAK = re.compile("\r\n|[\n\r\u2028\u2029]")


def in_one_line(text):
    """Returns a text with a space for each line break in it, Unicode's separators included."""
    return text if text.isprintable() else _LINE_BREAK.sub(" ", text)  # a third of the time
