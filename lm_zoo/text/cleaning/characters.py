"""Steps that change single characters or lines: Unicode forms, encodings, control, white space."""

import re
import unicodedata

from lm_zoo.text.cleaning.step import library

# Cc without tab and newline (and without carriage return and form feed, which are white space);
# what marks direction or is a byte order mark inside a text; characters that can never be one.
_CONTROL = re.compile(
    "[\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e"
    "\u2060\u2066-\u206f\ufeff\ufff9-\ufffc\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)
_LINE = re.compile("[^\n]*\n|[^\n]+")
_SURROGATE = re.compile("[\ud800-\udfff]")
_LINE_END = re.compile("[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_ODD_SPACE = re.compile("[\x1f\xa0\u1680\u2000-\u200a\u202f\u205f]")
# Both begin with white space and then look back, which finds places fast and in linear time.
_SPACES = re.compile(r" (?<=\S ) +")
_TRAILING = re.compile("[ \t\u3000](?<![ \t\u3000]{2})[ \t\u3000]*$", re.MULTILINE)
_BLANK_LINES = re.compile(r"\n{3,}")

_ENCODING_ONLY = {
    "unescape_html": False,
    "remove_terminal_escapes": False,
    "fix_latin_ligatures": False,
    "fix_character_width": False,
    "uncurl_quotes": False,
    "fix_line_breaks": False,
    "remove_control_chars": False,
    "normalization": None,
    "explain": False,
}


def nfc(text, settings):
    """Unicode normal form C: one code for each accented letter, however it was typed."""
    return unicodedata.normalize("NFC", text)


def nfkc(text, settings):
    """Unicode normal form KC: also full-width letters, ligatures and the like made plain."""
    return unicodedata.normalize("NFKC", text)


def fix_encoding(text, settings):
    """Repair of text that was decoded wrongly ("cafÃ©" to "café"), by ftfy; nothing else of it.

    Line by line, as ftfy does it, since different lines can be broken in different ways. ftfy's
    other habits (plain quotes, half-width letters, NFC) are off: they change text that is right,
    and full-width punctuation is right in Chinese.
    """
    if text.isascii():
        return text  # nothing that is left on has anything to do there
    ftfy = library("ftfy", "fix_encoding")
    looks_wrong = ftfy.badness.BADNESS_RE.search
    config = ftfy.TextFixerConfig(**_ENCODING_ONLY)
    lines = _LINE.findall(text)
    for place, line in enumerate(lines):
        if not line.isascii() and (looks_wrong(line) or _SURROGATE.search(line)):
            lines[place] = ftfy.fix_text(line, config)
    return "".join(lines)


def control_characters(text, settings):
    """Control characters, invisible marks and lone surrogates taken out; tabs and line ends stay.

    Zero-width joiners stay: Persian, Hindi and emoji are spelled with them.
    """
    return _CONTROL.sub("", text)


def whitespace(text, settings):
    """White space made plain: one kind of line end and space, at most one blank line, no trailing.

    Tabs and spaces at the beginning of a line stay: they mean something in code and verse. So does
    the ideographic space, which indents Chinese.
    """
    text = _LINE_END.sub("\n", text.replace("\r\n", "\n"))
    text = _ODD_SPACE.sub(" ", text)
    text = _SPACES.sub(" ", _TRAILING.sub("", text))
    return _BLANK_LINES.sub("\n\n", text)
