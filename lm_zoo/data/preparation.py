"""From a config to cleaned text, a tokenizer and token files, each kept in the cache."""

import hashlib
import json

from lm_zoo.data.cache import cache_dir, made_once, publish
from lm_zoo.data.corpora import load_corpus
from lm_zoo.data.corpora.pair_corpus import PairCorpus
from lm_zoo.data.token_files import prepare
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


def prepared_corpus(config, observer=None):
    """Returns the cleaned `Corpus` that a config describes; a `PairCorpus` for translation.

    Args:
        config: An `ExperimentConfig`.
        observer: An `Observer`.

    Raises:
        UserError: For text that cannot be used, or of which cleaning leaves nothing.
    """
    observer = observer or Observer()
    corpus = load_corpus(config.corpus, config.data.cache_dir)
    _check_task(config, corpus)
    cache, processes = cache_dir(config.data.cache_dir), config.runtime.data_processes
    if isinstance(corpus, PairCorpus):
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


def _check_task(config, corpus):
    has_pairs, wants_pairs = isinstance(corpus, PairCorpus), config.task.name == "translation"
    if has_pairs and not wants_pairs:
        raise UserError(
            f"config.task.name: expected 'translation', because corpus {config.corpus.name!r} has "
            f"pairs of texts; received {config.task.name!r}."
        )
    if wants_pairs and not has_pairs:
        raise UserError(
            f"config.task.name: 'translation' needs a corpus of pairs of texts, and "
            f"{config.corpus.name!r} has none; set corpus.name to 'text_pairs' for files of yours, "
            "or to a named corpus of pairs."
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


def prepared_tokenizers(config, corpus, observer=None):
    """Returns the tokenizers of targets and of sources that a config of pairs describes.

    Args:
        config: An `ExperimentConfig`.
        corpus: The cleaned `PairCorpus`.
        observer: An `Observer`.

    Returns:
        `(tokenizer, source_tokenizer)`: the same object twice where both sides share one.
    """
    own = config.tokenizers
    if not own:
        tokenizer = prepared_tokenizer(config, corpus, observer)
        return tokenizer, tokenizer
    return (
        prepared_tokenizer(config, corpus.side("target"), observer, own.get("target")),
        prepared_tokenizer(config, corpus.side("source"), observer, own.get("source")),
    )


def prepared_tokens(config, corpus, tokenizer, observer=None):
    """Returns the corpus as a verified `TokenDataset`; see `token_files.prepare`.

    Args:
        config: An `ExperimentConfig`.
        corpus: The cleaned `Corpus`.
        tokenizer: Its `Tokenizer`.
        observer: An `Observer`.
    """
    observer = observer or Observer()
    observer.begin("tokenizing", corpus.num_bytes)
    return prepare(
        corpus,
        tokenizer,
        config.data.cache_dir,
        processes=config.runtime.data_processes,
        on_progress=observer.update,
        on_line=observer.line,
    )


def data_record(corpus, tokenizer, tokens):
    """Returns what a run keeps of its data, JSON-ready: origin, checksums and what cleaning did."""
    splits = tokens.manifest["splits"]
    record = {
        "corpus": corpus.name,
        "source": corpus.source,
        "licence": corpus.licence,
        "sha256": {name: entry["text_sha256"] for name, entry in splits.items()},
        "tokenizer_fingerprint": tokenizer.fingerprint,
    }
    cleaning = tokens.manifest.get("cleaning")
    return record | ({"cleaning": cleaning} if cleaning else {})


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
