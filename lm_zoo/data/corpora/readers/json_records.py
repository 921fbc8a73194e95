"""Records in JSON: one a line, or the values of an array, which may be larger than memory."""

import itertools
import json
import re

from lm_zoo.data.corpora.readers.decoding import lines, pieces, too_long
from lm_zoo.data.corpora.readers.json_values import ValueEnd
from lm_zoo.data.corpora.readers.record_text import texts_of
from lm_zoo.data.corpora.readers.source_file import MAX_LENGTH
from lm_zoo.errors import UserError

FIRST_READ = 1 << 16  # characters of a JSON array looked at for a value; doubled until it is whole
FREE_LENGTH = 1 << 20  # characters of a value, which need not be looked at before they are parsed
_SPACE = re.compile(r"[ \t\r\n]*")


def json_lines(source, encoding, fields, numbers=False, text_pieces=None):
    """Yields the fields' texts of each line's JSON object; blank lines are passed over.

    The text is that of the source, unless it is given in pieces.
    """
    for number, line in lines(source, text_pieces or pieces(source, encoding)):
        if line.strip():
            yield texts_of(source, _parsed(source, line, number), fields, number, numbers=numbers)


def _parsed(source, text, number):
    try:
        if len(text) > FREE_LENGTH:
            ValueEnd().find(text, _SPACE.match(text).end())
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise source.error(f"not JSON ({error.msg}, column {error.colno}).", number) from None
    except (RecursionError, ValueError) as error:
        raise source.error(f"this JSON cannot be read ({error}).", number) from None


def json_values(source, encoding, fields, numbers=False):
    """Yields the fields' texts of each object of a JSON array, or of JSON lines named `.json`.

    The array is read value by value, so that it may be larger than memory.
    """
    text_pieces = pieces(source, encoding)
    buffer = ""
    while not buffer.strip():
        piece = next(text_pieces, None)
        if piece is None:
            return
        buffer += piece
    if buffer.lstrip()[0] == "{":
        whole = itertools.chain([buffer], text_pieces)
        yield from json_lines(source, encoding, fields, numbers, whole)
        return
    if buffer.lstrip()[0] != "[":
        raise source.error("expected a JSON array of objects, or one object per line.", 1)
    for number, value in _array_values(source, itertools.chain([buffer], text_pieces)):
        yield texts_of(source, value, fields, number, numbers=numbers)


def _array_values(source, text_pieces):
    """Yields `(line, value)` of each value of a JSON array."""
    text = _Text(text_pieces)
    decoder = json.JSONDecoder()
    separator = text.take_character()  # the bracket
    if text.next_character() == "]":
        separator = text.take_character()
    while separator != "]":
        if text.next_character() not in ("{", "[", '"', ""):  # a number might go on past the buffer
            raise source.error("expected an object in the JSON array.", text.line)
        value, end = _value(source, text, decoder)
        number = text.line
        text.move(end)
        yield number, value
        separator = text.take_character()
        if separator not in ("]", ","):
            raise source.error("not JSON (expected ',' or ']' after a value).", text.line)
    if text.next_character():
        raise source.error("not JSON (there is more after the array).", text.line)


def _value(source, text, decoder):
    """Returns the value that begins at a text's place, and where it ends."""
    ended = text.read(FIRST_READ)
    try:
        try:
            return decoder.raw_decode(text.buffer, text.place)
        except ValueError:
            if ended:
                raise
        value_end, wanted = ValueEnd(), FIRST_READ
        while value_end.find(text.buffer, text.place) is None and not ended:
            if wanted > MAX_LENGTH:
                raise too_long(source, text.line, "the JSON value that begins here")
            wanted *= 2
            ended = text.read(wanted)
        return decoder.raw_decode(text.buffer, text.place)
    except UserError:
        raise
    except (RecursionError, ValueError) as error:
        detail = getattr(error, "msg", error)
        raise source.error(f"not JSON ({detail}).", text.line) from None


class _Text:
    """A text that is read as far as it is needed.

    Attributes:
        buffer: What has been read of it; what lies behind `place` is dropped now and then.
        place: Where in the buffer to go on.
        line: The line, from 1, of that place.
    """

    def __init__(self, text_pieces):
        self.buffer, self.place, self.line = "", 0, 1
        self._pieces = text_pieces

    def read(self, length):
        """Sees to `length` characters after `place`; returns whether the text ends before."""
        have = len(self.buffer) - self.place
        if have >= length:
            return False
        read = [self.buffer[self.place :]]
        while have < length and (piece := next(self._pieces, None)) is not None:
            read.append(piece)
            have += len(piece)
        self.buffer, self.place = "".join(read), 0
        return have < length

    def move(self, place):
        self.line += self.buffer.count("\n", self.place, place)
        self.place = place

    def next_character(self):
        """Passes over white space; returns the first other character, empty at the end."""
        while True:
            self.move(_SPACE.match(self.buffer, self.place).end())
            if self.place < len(self.buffer) or self.read(1):
                return self.buffer[self.place : self.place + 1]

    def take_character(self):
        """Passes over white space and the character after it, which it returns."""
        character = self.next_character()
        self.move(self.place + len(character))
        return character
