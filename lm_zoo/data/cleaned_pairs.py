"""Sentence pairs after cleaning: in the cache, with a record of all that was done to them."""

import dataclasses

from lm_zoo.data.cleaned_corpus import clean
from lm_zoo.data.corpora.corpus import Corpus
from lm_zoo.data.corpora.pair_corpus import MemoryPairCorpus, PairCorpus

ALWAYS = ("pair_lines", "pair_empty")  # what makes them pairs that can be learned from


class CleanedPairCorpus(PairCorpus):
    """Pairs that lie, cleaned, in a folder of the cache.

    Args:
        cleaned: The `CleanedCorpus` of the pairs as documents.

    Attributes:
        report: What each step did; see `CleanedCorpus`. Its documents are pairs.
    """

    def __init__(self, cleaned):
        self.name = cleaned.name
        self.source = cleaned.source
        self.licence = cleaned.licence
        self.num_bytes = cleaned.num_bytes
        self.asked_shares = cleaned.asked_shares
        self.report = cleaned.report
        self.directory = cleaned.directory
        self._cleaned = cleaned

    @property
    def fingerprint(self):
        return self._cleaned.fingerprint

    def raw_pairs(self, split):
        for text in self._cleaned.texts(split):
            source, _, target = text.partition("\n")
            yield source, target

    pairs = raw_pairs  # cleaned, they have no line breaks or empty sides


class PairDocuments(Corpus):
    """Pairs as the documents that cleaning works on: the source, a newline and the target.

    Newlines within them are carried as Unicode's line separators, until `pair_lines` counts them.

    Args:
        corpus: The `PairCorpus`.
    """

    has_documents = True
    has_pairs = True

    def __init__(self, corpus):
        self._corpus = corpus
        self.name = corpus.name
        self.source = corpus.source
        self.licence = corpus.licence
        self.num_bytes = corpus.num_bytes
        self.asked_shares = corpus.asked_shares

    @property
    def fingerprint(self):
        return self._corpus.fingerprint

    def texts(self, split):
        for pair in self._corpus.raw_pairs(split):
            sides = (text.replace("\r\n", "\n").replace("\n", "\u2028") for text in pair)
            yield "\n".join(sides)


def clean_pairs(corpus, config, cache_dir, processes=0, on_progress=None, on_wait=None):
    """Cleans sentence pairs, once: they are kept in the cache and found again there.

    Besides the steps that are named, line breaks within a pair always become spaces and pairs with
    an empty side always go, both counted. Memory and disk are as for `cleaned_corpus.clean`.

    Args:
        corpus: A `PairCorpus`.
        config: A `CleaningConfig`. Steps for single documents are done to each side, and a pair
            goes with either; those that compare documents compare pairs, both sides as one text.
        cache_dir: The cache folder.
        processes: How many work at it; 0 means one a core. They do not change the result.
        on_progress: Called with about how many bytes are done, of `corpus.num_bytes`.
        on_wait: Called with a line of text before waiting for another process that cleans the same.

    Returns:
        The corpus itself if no steps are named and it was made, not read; else a
        `CleanedPairCorpus`.

    Raises:
        UserError: As `cleaned_corpus.clean`, and for steps that are not for pairs.
    """
    if not config.steps and isinstance(corpus, MemoryPairCorpus):
        return corpus
    steps = (*ALWAYS, *(name for name in config.steps if name not in ALWAYS))
    config = dataclasses.replace(config, steps=steps)
    documents = PairDocuments(corpus)
    return CleanedPairCorpus(clean(documents, config, cache_dir, processes, on_progress, on_wait))
