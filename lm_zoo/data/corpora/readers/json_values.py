"""Where a JSON value ends, and that it is mostly text, before the library makes objects of it.

A text of JSON takes as much memory as it is long, but `{"a":[]}`, again and again, takes thirty
times that.
"""

import re

MAX_STRUCTURE = 1 << 22  # characters outside the texts of one value: at most some 300 MB of objects
_IN_TEXT = re.compile(r'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_OUTSIDE = re.compile(r'[^"\[\]{}]*+')


class ValueEnd:
    """Finds where a value ends, in a text that may be given more and more of."""

    def __init__(self):
        self._done = 0  # characters of the value that were looked at
        self._depth = self._structure = 0
        self._in_text = False

    def find(self, text, start):
        """Returns the place behind the value that begins at `start`, or None if it is not there.

        Args:
            text: The text, as far as it is known.
            start: Where the value begins; it may lie elsewhere in the next call's text.

        Raises:
            ValueError: If the value has more than `MAX_STRUCTURE` characters outside its texts.
        """
        place = start + self._done
        while place < len(text):
            pattern = _IN_TEXT if self._in_text else _OUTSIDE
            stop = pattern.match(text, place).end()
            self._structure += 1 if self._in_text else stop - place + 1
            if self._structure > MAX_STRUCTURE:
                raise ValueError(
                    f"a value has more than {MAX_STRUCTURE:,} brackets, commas and digits outside "
                    "its strings"
                )
            if stop == len(text) or (self._in_text and text[stop] != '"'):
                place = stop  # the rest is not there yet, perhaps of an escape
                break
            place = stop + 1
            if text[stop] == '"':
                self._in_text = not self._in_text
            else:
                self._depth += 1 if text[stop] in "[{" else -1
            if self._depth <= 0 and not self._in_text:
                return place
        self._done = place - start
        return None
