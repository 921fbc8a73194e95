"""The language reference that every CPython carries: real English without a download."""

import hashlib
import platform

from lm_zoo.data.corpora.corpus import SPLITS, TextCorpus, cut

SHORTEST_REPEAT = 40  # characters; shorter paragraphs recur by chance ("Example:")


def python_reference(config):
    """The topics of Python's built-in help: about 465,000 characters of real English.

    The topics are ordered by a hash of their names, for in alphabetical order the end of the text,
    which validation and test are cut from, is mostly tables. Help topics share sections; paragraphs
    of the validation and test texts are therefore left out of the training text. The text differs
    between Python versions, so compare figures from one version only.

    Args:
        config: A `DataConfig`; its fractions cut the text.
    """
    from pydoc_data import topics

    names = sorted(topics.topics, key=lambda name: hashlib.sha256(name.encode("utf-8")).digest())
    text = "\n".join(topics.topics[name] for name in names)
    train, *held_out = cut(text, config.validation_fraction, config.test_fraction)
    return TextCorpus(
        name="python_reference",
        splits=dict(zip(SPLITS, (_without(train, held_out), *held_out))),
        source=f"pydoc_data.topics of Python {platform.python_version()}",
        licence="PSF-2.0",
    )


def _without(train, held_out):
    """Returns the training text without the paragraphs that stand in the held-out texts."""
    kept_out = {p for text in held_out for p in text.split("\n\n") if len(p) >= SHORTEST_REPEAT}
    return "\n\n".join(p for p in train.split("\n\n") if p not in kept_out)
