"""Corpora: where text comes from."""

from lm_zoo.config import IMPORTED
from lm_zoo.data.corpora import settings
from lm_zoo.data.corpora.catalogue import CATALOGUE
from lm_zoo.data.corpora.corpus import Corpus, TextCorpus
from lm_zoo.data.corpora.named import NamedCorpus, NamedPairs
from lm_zoo.data.corpora.pair_catalogue import PAIR_CATALOGUE
from lm_zoo.data.corpora.python_reference import python_reference
from lm_zoo.data.corpora.synthetic import synthetic
from lm_zoo.data.corpora.synthetic_translation import synthetic_translation
from lm_zoo.data.corpora.text_files import text_files
from lm_zoo.data.corpora.text_pairs import text_pairs
from lm_zoo.errors import UserError, unknown_name

__all__ = ["CORPORA", "Corpus", "TextCorpus", "load_corpus"]

CORPORA = {
    "python_reference": python_reference,
    "synthetic": synthetic,
    "synthetic_translation": synthetic_translation,
    "text_files": text_files,
    "text_pairs": text_pairs,
    **{entry.name: NamedCorpus(entry) for entry in CATALOGUE},
    **{entry.name: NamedPairs(entry) for entry in PAIR_CATALOGUE},
}
FETCHED = tuple(entry.name for entry in (*CATALOGUE, *PAIR_CATALOGUE))  # where they are not there
TRANSLATED = tuple(entry.name for entry in PAIR_CATALOGUE)
# made, not read: they have no files
IN_MEMORY = ("python_reference", "synthetic", "synthetic_translation")


def load_corpus(config):
    """Returns the `Corpus` that a `DataConfig` describes.

    Raises:
        UserError: For an unknown corpus, or files that cannot be used.
    """
    if config.corpus == IMPORTED:
        raise UserError(
            "data.corpus: this run's weights were imported and no text came with them, so it cannot "
            "be trained on or looked at; generate, score, export and serve it, or train a model "
            "of its form from the beginning by a --config with a data.corpus and a new --workdir."
        )
    if config.corpus not in CORPORA:
        raise unknown_name("data.corpus", config.corpus, CORPORA)
    if config.data_dir and config.corpus in IN_MEMORY:
        raise UserError(
            f"data.data_dir: corpus {config.corpus!r} reads no files; set data.corpus to the name "
            "of the corpus that is in the folder, or to 'text_files'."
        )
    if config.corpus != "text_pairs":
        settings.refuse(
            config,
            settings.OF_TEXT_PAIRS,
            f"it is for sentence pairs in files of yours, and not for corpus {config.corpus!r}",
            "set data.corpus to 'text_pairs'",
        )
    if config.corpus not in TRANSLATED:
        settings.refuse(
            config,
            settings.LANGUAGES,
            f"corpus {config.corpus!r} has no languages to choose from",
            f"set data.corpus to one of {', '.join(TRANSLATED)}",
        )
    return CORPORA[config.corpus](config)
