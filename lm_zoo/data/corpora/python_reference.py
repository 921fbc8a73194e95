"""The language reference that every CPython carries: real English without a download."""

import dataclasses
import hashlib
import platform

from lm_zoo.data.corpora.corpus import SPLITS, TextCorpus, cut
from lm_zoo.data.corpora.shares import HeldOutShares

MIN_REPEAT = 40  # characters; shorter paragraphs recur by chance ("Example:")


@dataclasses.dataclass
class PythonReference(HeldOutShares):
    """The topics of Python's built-in help: about 465,000 characters of real English.

    The topics are ordered by a hash of their names, for in alphabetical order the end of the text,
    which validation and test are cut from, is mostly tables. Help topics share sections; paragraphs
    of the validation and test texts are therefore left out of the training text. The text differs
    between Python versions, so compare figures from one version only.
    """

    def load(self, cache_dir=""):
        """Returns the `Corpus`."""
        from pydoc_data import topics

        names = sorted(topics.topics, key=lambda n: hashlib.sha256(n.encode("utf-8")).digest())
        text = "\n".join(topics.topics[name] for name in names)
        train, *held_out = cut(text, self.validation_fraction, self.test_fraction)
        return TextCorpus(
            name="python_reference",
            splits=dict(zip(SPLITS, (_without(train, held_out), *held_out))),
            source=f"pydoc_data.topics of Python {platform.python_version()}",
            licence="PSF-2.0",
        )


def _without(train, held_out):
    """Returns the training text without the paragraphs that stand in the held-out texts."""
    kept_out = {p for text in held_out for p in text.split("\n\n") if len(p) >= MIN_REPEAT}
    return "\n\n".join(p for p in train.split("\n\n") if p not in kept_out)
