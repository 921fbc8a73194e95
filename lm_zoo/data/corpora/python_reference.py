"""The language reference that every CPython carries: real English without a download."""

import platform

from lm_zoo.data.corpora.corpus import SPLITS, Corpus, cut


def python_reference(config):
    """Returns the topics of Python's built-in help, in alphabetical order, as one text.

    About 465,000 characters; the text differs between Python versions, so compare figures from one
    version only. A few sections appear under several topics: some 8 % of the last tenth of the text
    stands in the rest word for word.

    Args:
        config: A `DataConfig`; its fractions cut the text.
    """
    from pydoc_data import topics

    text = "\n".join(topics.topics[name] for name in sorted(topics.topics))
    parts = cut(text, config.validation_fraction, config.test_fraction)
    return Corpus(
        name="python_reference",
        splits=dict(zip(SPLITS, parts)),
        source=f"pydoc_data.topics of Python {platform.python_version()}",
        licence="PSF-2.0",
    )
