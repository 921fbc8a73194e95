"""Steps that look at a record of several fields as a whole."""

import re

from lm_zoo.text.cleaning.step import Drop
from lm_zoo.text.cleaning.units import words

_LINE_BREAK = re.compile("\r\n|[\n\r\u2028\u2029]")


def in_one_line(text):
    """Returns a text with a space for each line break in it, Unicode's separators included."""
    return text if text.isprintable() else _LINE_BREAK.sub(" ", text)  # a third of the time


def record_lines(texts, settings):
    """Line breaks within a record become spaces: each text is one line. Always done first."""
    return {name: in_one_line(text) for name, text in texts.items()}


def record_empty(texts, settings):
    """Records of which a text is empty go. Always done, after `record_lines`."""
    empty = [name for name, text in texts.items() if not text.strip()]
    return Drop(f"empty {' and '.join(empty)}") if empty else texts


def pair_identical(texts, settings):
    """Pairs whose target is the same as the source go: they are not translated."""
    source, target = texts.values()
    return Drop("target is the source") if source.strip() == target.strip() else texts


def pair_length_ratio(texts, settings):
    """Pairs of which one side has many more words than the other go."""
    counts = tuple(len(words(text)) for text in texts.values())
    if max(counts) > settings.max_length_ratio * min(counts):
        shown = "{:,} and {:,} words".format(*counts)
        return Drop(f"one side more than {settings.max_length_ratio:g} times as long", shown)
    return texts
