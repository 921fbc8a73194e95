"""From a config to cleaned text and tokenizers, each kept in the cache."""

import hashlib
import json

from lm_zoo.data.cache import cache_dir, made_once, publish
from lm_zoo.data.corpora import load_corpus
from lm_zoo.errors import UserError
from lm_zoo.text.tokenizers import TOKENIZERS, load_tokenizer, train_tokenizer

TRAINING_VERSION = 1  # of tokenizers: another one trains them anew


class Observer:
    """Is told how preparation goes; this one lets it pass."""

    def begin(self, what, num_bytes=0):
        """Something begins that reads about `num_bytes` of text (0: not known)."""

    def update(self, num_bytes):
        """So many bytes of it are done."""

    def line(self, text):
        """Something to say in a line."""


def prepared_corpus(config, fields, observer=None):
    """Returns the cleaned `Corpus` that a config describes.

    Args:
        config: An `ExperimentConfig`.
        fields: The `Field`s of a record, as the config's task has them.
        observer: An `Observer`.

    Raises:
        UserError: For text that cannot be used, or of which cleaning leaves nothing.
    """
    observer = observer or Observer()
    corpus = load_corpus(config.corpus, config.data.cache_dir)
    _check_fields(config, corpus, [field.name for field in fields])
    cache, processes = cache_dir(config.data.cache_dir), config.runtime.data_processes
    if len(corpus.fields) > 1:
        from lm_zoo.data.cleaned_pairs import clean_pairs

        observer.begin("cleaning", corpus.num_bytes)
        return clean_pairs(
            corpus, config.cleaning, cache, processes, observer.update, observer.line
        )
    if not config.cleaning.steps:
        return corpus
    from lm_zoo.data.cleaned_corpus import clean

    observer.begin("cleaning", corpus.num_bytes)
    return clean(corpus, config.cleaning, cache, processes, observer.update, observer.line)


def _check_fields(config, corpus, expected):
    """Raises a `UserError` unless the corpus has the fields that the task learns from."""
    if set(corpus.fields) != set(expected):
        raise UserError(
            f"config.corpus.name: the task {config.task.name} learns from records of "
            f"{' and '.join(expected)}, and the corpus {config.corpus.name!r} has "
            f"{' and '.join(corpus.fields)}; set another corpus (`lm-zoo list corpora`) or another "
            "task.name."
        )


def prepared_tokenizer(config, corpus, observer=None, settings=None):
    """Returns the tokenizer that a config describes, trained once for a text and kept.

    Args:
        config: An `ExperimentConfig`.
        corpus: The cleaned `Corpus`; its training split alone is looked at.
        observer: An `Observer`.
        settings: The `TokenizerConfig`; None means `config.tokenizer`.

    Raises:
        UserError: For an unknown name, an impossible vocabulary size, or a damaged file.
    """
    observer, settings = observer or Observer(), settings or config.tokenizer
    if settings.path or settings.name not in TOKENIZERS:
        tokenizer = train_tokenizer(settings, ())
    else:
        directory = _tokenizer_directory(config, corpus, settings)
        with made_once(directory, on_wait=observer.line) as work:
            if work is not None:
                observer.begin(f"training the {settings.name} tokenizer", corpus.num_bytes)
                texts = _training_texts(corpus, observer)
                train_tokenizer(settings, texts, corpus.num_bytes).save(work / "whole")
                publish(work / "whole", directory)
        tokenizer = load_tokenizer(directory)
    if corpus.has_documents and tokenizer.eos_id is not None:
        tokenizer.eos_in_text = True  # each document stands between two
    return tokenizer


def _tokenizer_directory(config, corpus, settings):
    identity = [TRAINING_VERSION, corpus.fingerprint, corpus.has_documents, settings.name]
    identity += [settings.vocab_size, settings.min_count, settings.training_bytes]
    digest = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:12]
    return cache_dir(config.data.cache_dir) / "tokenizers" / f"{settings.name}-{digest}"


def _training_texts(corpus, observer):
    """Yields the training split as text: each document with its newline, which may be its end."""
    end, done = "\n" if corpus.has_documents else "", 0
    for text in corpus.texts("train"):
        yield text + end
        done += len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
        observer.update(done)
