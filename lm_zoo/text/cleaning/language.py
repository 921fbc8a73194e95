"""Steps about languages: which documents are kept, and which characters Chinese is written in."""

import functools

from lm_zoo.errors import UserError
from lm_zoo.text.cleaning.step import Drop, library

EXCERPT = 500  # characters, from the beginning, the middle and the end of a longer document


def language(text, settings):
    """Documents that are not in one of `cleaning.languages` go (py3langid, 140 languages)."""
    found, probability = _identifier().classify(_excerpts(text))
    if found not in settings.languages:
        return Drop(f"in another language: {found}", f"probability {probability:.2f}")
    if probability < settings.min_language_probability:
        return Drop("language uncertain", f"{found}, probability {probability:.2f}")
    return text


def check_language(settings):
    """Raises a `UserError` for languages that are not given or not known."""
    known = _identifier().labels
    listed = ", ".join(sorted(known))
    if not settings.languages:
        raise UserError(
            "cleaning.languages: expected the languages to keep for the step 'language', such as "
            f"en,de; received none. Known: {listed}."
        )
    for name in settings.languages:
        if name not in known:
            raise UserError(
                f"cleaning.languages: unknown language {name!r}. Expected codes among: {listed}."
            )


def to_simplified(text, settings):
    """Traditional Chinese written in simplified characters (OpenCC, t2s)."""
    return _converter("t2s", "to_simplified").convert(text)


def to_traditional(text, settings):
    """Simplified Chinese written in traditional characters (OpenCC, s2t)."""
    return _converter("s2t", "to_traditional").convert(text)


def _excerpts(text):
    if len(text) <= 3 * EXCERPT:
        return text
    middle = (len(text) - EXCERPT) // 2
    return "\n".join((text[:EXCERPT], text[middle : middle + EXCERPT], text[-EXCERPT:]))


@functools.cache
def _identifier():
    langid = library("py3langid.langid", "language")
    return langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)


@functools.cache
def _converter(name, step):
    return library("opencc", step).OpenCC(name)
