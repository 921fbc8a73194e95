"""Where a long text can be cut so that its parts have the tokens that the whole has."""

import re

PART_CHARACTERS = 1 << 20

# Before a newline that follows a visible character, or before the one space between them, which
# ends every line of Penn Treebank and WikiText. No token crosses such a place: only white space
# joins a newline to what stands before it, and the one look-ahead in GPT-2's pattern sees no
# further than the first character after white space. Python's \S is narrower than other libraries',
# which is the safe side.
SAFE_CUT = re.compile(r"\S(?= ?\n)")


def split_text(text, size=PART_CHARACTERS, safe_cut=SAFE_CUT):
    """Cuts a text into consecutive parts of at least `size` characters, the last one excepted.

    Where the text has no safe place, a part is longer; put together the parts are the text.
    """
    start = 0
    while len(text) - start > size:
        cut = safe_cut.search(text, start + size - 1)
        if cut is None:
            break
        yield text[start : cut.end()]
        start = cut.end()
    if start < len(text):
        yield text[start:]


def lines(text):
    """Cuts a text at every safe place: the shortest parts there are, together the text."""
    start, newline = 0, text.find("\n", 1)
    while newline > 0:
        end = newline - (text[newline - 1] == " ")
        if end > start and not text[end - 1].isspace():
            yield text[start:end]
            start = end
        newline = text.find("\n", newline + 1)
    if start < len(text):
        yield text[start:]
