"""Steps that make records of several fields learnable; they are always done first."""

from lm_zoo.text.cleaning.step import Drop
from lm_zoo.text.lines import in_one_line


def record_lines(texts, settings):
    """Line breaks within a record become spaces: each text is one line. Always done first."""
    return {name: in_one_line(text) for name, text in texts.items()}


def record_empty(texts, settings):
    """Records of which a text is empty go. Always done, after `record_lines`."""
    empty = [name for name, text in texts.items() if not text.strip()]
    return Drop(f"empty {' and '.join(empty)}") if empty else texts
