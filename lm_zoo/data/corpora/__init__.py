"""Corpora: where text comes from."""

from lm_zoo.data.corpora.corpus import Corpus, TextCorpus
from lm_zoo.data.corpora.python_reference import python_reference
from lm_zoo.data.corpora.synthetic import synthetic
from lm_zoo.data.corpora.text_files import text_files
from lm_zoo.errors import unknown_name

__all__ = ["CORPORA", "Corpus", "TextCorpus", "load_corpus"]

CORPORA = {
    "python_reference": python_reference,
    "synthetic": synthetic,
    "text_files": text_files,
}


def load_corpus(config):
    """Returns the `Corpus` that a `DataConfig` describes.

    Raises:
        UserError: For an unknown corpus, or files that cannot be used.
    """
    if config.corpus not in CORPORA:
        raise unknown_name("data.corpus", config.corpus, CORPORA)
    return CORPORA[config.corpus](config)
