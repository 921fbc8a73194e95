"""Steps that drop whole documents for their length or their symbols."""

import re

from lm_zoo.errors import UserError
from lm_zoo.text.cleaning.step import Drop
from lm_zoo.text.cleaning.units import has_spaces, words

# Gopher's rules (Rae et al. 2021, https://arxiv.org/abs/2112.11446, appendix A.1.1); those with a
# field in `CleaningConfig` are its defaults.
MEAN_WORD_LENGTH = (3, 10)
MAX_BULLET_LINES = 0.9
MAX_ELLIPSIS_LINES = 0.3

_BULLET = re.compile(r"[^\S\n]*[-*\u2022\u2023\u25e6\u2043\u25aa\u25cf\u00b7]")
_ELLIPSIS = re.compile(r"\.\.\.+|\u2026+")
_ENDS_IN_ELLIPSIS = re.compile(r"(?:\.\.\.|\u2026)\s*$")
_LETTER = re.compile(r"[^\W\d_]")


def length(text, settings):
    """Documents that are too short or too long go, by characters and by words."""
    characters = len(text)
    if characters < settings.min_characters:
        return Drop(f"fewer than {settings.min_characters} characters", f"{characters}")
    if settings.max_characters and characters > settings.max_characters:
        return Drop(f"more than {settings.max_characters} characters", f"{characters}")
    if settings.min_words or settings.max_words:
        count = len(words(text))
        if count < settings.min_words:
            return Drop(f"fewer than {settings.min_words} words", f"{count}")
        if settings.max_words and count > settings.max_words:
            return Drop(f"more than {settings.max_words} words", f"{count}")
    return text


def check_length(settings):
    """Raises a `UserError` if no text could pass."""
    for unit in ("characters", "words"):
        least, most = getattr(settings, f"min_{unit}"), getattr(settings, f"max_{unit}")
        if most and most < least:
            raise UserError(
                f"cleaning.max_{unit}: expected at least cleaning.min_{unit} ({least}), or 0 for "
                f"no limit; received {most}."
            )


def symbol_ratio(text, settings):
    """Documents of symbols, bullets or broken-off lines and not of words go (Gopher's rules)."""
    found = words(text)
    count = max(1, len(found))
    ratio = max(text.count("#"), len(_ELLIPSIS.findall(text))) / count
    if ratio > settings.max_symbol_ratio:
        return Drop("too many # or ellipses", f"{ratio:.2f} a word")
    share = sum(1 for word in found if word.isalpha() or _LETTER.search(word)) / count
    if share < settings.min_alphabetic_words:
        return Drop("too few words with a letter", f"{share:.0%} of the words")
    mean = sum(map(len, found)) / count
    if has_spaces(text) and not MEAN_WORD_LENGTH[0] <= mean <= MEAN_WORD_LENGTH[1]:
        return Drop("words too short or too long on average", f"{mean:.1f} characters")
    lines = [line for line in text.split("\n") if line and not line.isspace()]
    bullets = sum(1 for line in lines if _BULLET.match(line)) / max(1, len(lines))
    if bullets > MAX_BULLET_LINES:
        return Drop("nearly all lines are bullet points", f"{bullets:.0%} of the lines")
    broken = sum(1 for line in lines if _ENDS_IN_ELLIPSIS.search(line)) / max(1, len(lines))
    if broken > MAX_ELLIPSIS_LINES:
        return Drop("too many lines end in an ellipsis", f"{broken:.0%} of the lines")
    return text
