"""From a config to cleaned text and tokenizers, each kept in the cache."""

from lm_zoo.data.cache import cache_dir, made_once, publish
from lm_zoo.data.corpora import load_corpus
from lm_zoo.data.digests import json_sha256
from lm_zoo.data.labels import LabelTokenizer, load_labels
from lm_zoo.errors import UserError
from lm_zoo.text.tokenizers import TOKENIZERS, load_tokenizer, train_tokenizer

TRAINING_VERSION = 1  # of tokenizers: another one trains them anew


class ProgressListener:
    """Is told how preparation goes; this one shows nothing.

    Attributes:
        worked: Whether there was anything to do.
    """

    worked = False

    def begin(self, what, num_bytes=0):
        """Something begins that reads about `num_bytes` of text (0: not known)."""

    def update(self, num_bytes):
        """So many bytes of it are done."""
        self.worked = True

    def line(self, text):
        """Something to say in a line."""


def prepared_corpus(config, fields, listener=None):
    """Returns the cleaned `Corpus` that a config describes, of the fields that its task has.

    Args:
        config: An `ExperimentConfig`.
        fields: The task's `Field`s.
        listener: An `ProgressListener`.

    Raises:
        UserError: For text that cannot be used, or of which cleaning leaves nothing.
    """
    listener = listener or ProgressListener()
    corpus = load_corpus(config.corpus, config.data.cache_dir)
    _check_fields(config, corpus, fields)
    if not config.cleaning.steps and not corpus.is_raw:
        return corpus.columns(field.name for field in fields)
    from lm_zoo.data.cleaning.cleaned_corpus import clean

    listener.begin("cleaning", corpus.num_bytes)
    return clean(
        corpus.columns(field.name for field in fields),
        config.cleaning,
        cache_dir(config.data.cache_dir),
        config.runtime.data_processes,
        listener.update,
        listener.line,
        fields,
    )


def _check_fields(config, corpus, fields):
    """Raises a `UserError` unless a corpus has the fields of a task, and no others."""
    names = [field.name for field in fields]
    if sorted(names) != sorted(corpus.fields):
        raise UserError(
            f"corpus.name: expected records of {' and '.join(names)} for task "
            f"{config.task.name!r}, received {corpus.name!r}, whose records have "
            f"{' and '.join(corpus.fields)}; use another corpus (`lm-zoo list corpora`) or "
            "another task.name."
        )
    first = next(field for field in fields if field.name == corpus.fields[0])
    if first.kind == "label" and getattr(config.corpus, "split_by", "") == "document_hash":
        raise UserError(
            "corpus.split_by: 'document_hash' hashes the first field, which is the label "
            f"{first.name!r}; put a text first in corpus.fields, or set it to 'fraction'."
        )


def prepared_tokenizer(config, corpus, listener, settings=None):
    """Returns the tokenizer that a config describes, trained once for a text and kept.

    Args:
        config: An `ExperimentConfig`.
        corpus: The cleaned `Corpus`; its training split alone is looked at.
        listener: An `ProgressListener`.
        settings: The `TokenizerConfig`; None means `config.tokenizer`.

    Raises:
        UserError: For an unknown name, an impossible vocabulary size, or a damaged file.
    """
    settings = settings or config.tokenizer
    if settings.path or settings.name not in TOKENIZERS:
        tokenizer = train_tokenizer(settings, ())
    else:
        identity = [settings.vocab_size, settings.min_count, settings.training_bytes]
        tokenizer = _trained_once(
            config,
            corpus,
            [settings.name, *identity],
            lambda texts: train_tokenizer(settings, texts, corpus.num_bytes),
            load_tokenizer,
            listener,
        )
    if corpus.has_documents and tokenizer.eos_id is not None:
        tokenizer.eos_in_text = True  # each document stands between two
    return tokenizer


def prepared_labels(config, corpus, listener):
    """Returns the `LabelTokenizer` of a corpus of labels, made once and kept.

    Args:
        config: An `ExperimentConfig`.
        corpus: The labels, each a document; its training split alone is looked at.
        listener: An `ProgressListener`.

    Raises:
        UserError: For too many different labels, or a damaged file.
    """
    identity = [LabelTokenizer.name]
    return _trained_once(config, corpus, identity, LabelTokenizer.train, load_labels, listener)


def _trained_once(config, corpus, identity, train, load, listener):
    """Returns a tokenizer from the cache, trained on the training split where it is not there.

    Args:
        config: An `ExperimentConfig`.
        corpus: The cleaned `Corpus`.
        identity: Its name, and what else it follows from besides the corpus, JSON-ready.
        train: Function of an iterable of strings that returns the tokenizer.
        load: Function of the folder that it was saved in.
        listener: An `ProgressListener`.
    """
    name, version = identity[0], [TRAINING_VERSION, corpus.fingerprint, corpus.has_documents]
    digest = json_sha256([*version, *identity])[:12]
    directory = cache_dir(config.data.cache_dir) / "tokenizers" / f"{name}-{digest}"
    with made_once(directory, on_wait=listener.line) as work:
        if work is not None:
            listener.begin(f"training the {name} tokenizer", corpus.num_bytes)
            train(_training_texts(corpus, listener)).save(work / "whole")
            publish(work / "whole", directory)
    return load(directory)


def _training_texts(corpus, listener):
    """Yields the training split as text: each document with its newline, which may be its end."""
    end, done = "\n" if corpus.has_documents else "", 0
    for text in corpus.texts("train"):
        yield text + end
        done += len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
        listener.update(done)
