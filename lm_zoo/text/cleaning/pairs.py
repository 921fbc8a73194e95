"""Steps that look at a source and its target together."""

from lm_zoo.text.cleaning.exact_duplicates import exact_duplicates
from lm_zoo.text.cleaning.step import Drop
from lm_zoo.text.cleaning.units import words
from lm_zoo.text.lines import in_one_line


def pair_lines(source, target, settings):
    """Line breaks within a side become spaces: a pair is one line. Always done first."""
    return in_one_line(source), in_one_line(target)


def pair_empty(source, target, settings):
    """Pairs of which a side is empty go. Always done, after `pair_lines`."""
    empty = [name for name, text in (("source", source), ("target", target)) if not text.strip()]
    return Drop(f"empty {' and '.join(empty)}") if empty else (source, target)


def pair_identical(source, target, settings):
    """Pairs whose target is the same as the source go: they are not translated."""
    same = source.strip() == target.strip()
    return Drop("target is the source") if same else (source, target)


def pair_length_ratio(source, target, settings):
    """Pairs of which one side has many more words than the other go."""
    counts = len(words(source)), len(words(target))
    if max(counts) > settings.max_length_ratio * min(counts):
        shown = "{:,} and {:,} words".format(*counts)
        return Drop(f"one side more than {settings.max_length_ratio:g} times as long", shown)
    return source, target


def pair_duplicates(text, settings):
    """Pairs that are the same as an earlier one go; test and validation keep theirs."""
    return exact_duplicates(text, settings)
