"""Steps that look at two texts of a record together."""

from lm_zoo.text.cleaning.step import Drop
from lm_zoo.text.cleaning.units import words


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
