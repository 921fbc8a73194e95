"""Corpora: where text comes from.

A corpus is registered as a dataclass: its fields are the arguments that `config.corpus` may have
besides the name, and its `load(cache_dir)` returns the `Corpus`. It may have a `check(config)` that
raises a `UserError` where its arguments and the rest of the config do not fit.
"""

import dataclasses

from lm_zoo.config import IMPORTED
from lm_zoo.config.config_fields import made_from
from lm_zoo.data.corpora.artificial.synthetic import Synthetic
from lm_zoo.data.corpora.artificial.synthetic_translation import SyntheticTranslation
from lm_zoo.data.corpora.catalogue import CATALOGUE
from lm_zoo.data.corpora.corpus import Corpus, TextCorpus
from lm_zoo.data.corpora.named import named_corpus, named_pairs
from lm_zoo.data.corpora.pair_catalogue import PAIR_CATALOGUE
from lm_zoo.data.corpora.python_reference import PythonReference
from lm_zoo.data.corpora.record_files import RecordFiles
from lm_zoo.data.corpora.text_files import TextFiles
from lm_zoo.data.corpora.text_pairs import TextPairs
from lm_zoo.errors import UserError
from lm_zoo.registration import Registry

__all__ = ["CORPORA", "Corpus", "TextCorpus", "corpus_class", "load_corpus"]

_OWN = {
    "python_reference": PythonReference,
    "records": RecordFiles,
    "synthetic": Synthetic,
    "synthetic_translation": SyntheticTranslation,
    "text_files": TextFiles,
    "text_pairs": TextPairs,
    **{entry.name: named_corpus(entry) for entry in CATALOGUE},
    **{entry.name: named_pairs(entry) for entry in PAIR_CATALOGUE},
}


def _is_corpus(what):
    return isinstance(what, type) and dataclasses.is_dataclass(what) and hasattr(what, "load")


CORPORA = Registry("corpus", _OWN, _is_corpus, "a dataclass with a function load(cache_dir)")
FETCHED = tuple(entry.name for entry in (*CATALOGUE, *PAIR_CATALOGUE))  # where they are not there


def load_corpus(config, cache_dir=""):
    """Returns the `Corpus` that a `CorpusConfig` describes.

    Args:
        config: A `CorpusConfig`.
        cache_dir: The cache folder; empty means the default one.

    Raises:
        UserError: For an unknown corpus or argument, or files that cannot be used.
    """
    corpus = made_from(corpus_class(config.name), config, "config.corpus")
    return corpus.load(cache_dir)


def corpus_class(name):
    """Returns the dataclass that a name stands for.

    Raises:
        UserError: For an unknown name.
    """
    if name == IMPORTED:
        raise UserError(
            "corpus.name: this run's weights were imported without a text, so it can be neither "
            "trained further nor inspected; generate, score, export and serve work. To train "
            "such a model, give a --config with a corpus and a new --workdir."
        )
    return CORPORA.find("config.corpus.name", name)
