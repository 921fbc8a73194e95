"""All that is known about a split, as one JSON-ready dict."""

import collections

import numpy as np

from lm_zoo.data.corpora.corpus import SPLITS
from lm_zoo.inspection.duplicates import Digests, describe_duplicates, units
from lm_zoo.inspection.preview import preview_batch, preview_texts
from lm_zoo.inspection.statistics import describe_lengths, describe_tokens, token_counts
from lm_zoo.inspection.unknown import unknown_words


def inspect(corpus, tokenizer, tokens, batches, split="train", documents=3, num_batches=1):
    """Looks at a split of a corpus.

    Memory stays bounded: tokens are counted piece by piece, texts are kept as 64-bit digests of
    which there is a most, documents' lengths take 16 bytes each. Where less than everything was
    looked at, the result says so.

    Args:
        corpus: The cleaned `Corpus`; all its splits are read once, for duplicates.
        tokenizer: Its tokenizer.
        tokens: Its `TokenDataset`.
        batches: The split's batches as the config lays them out, or None.
        split: Name of the split.
        documents: How many documents, or excerpts of a stream, are shown.
        num_batches: How many batches are shown.

    Returns:
        A JSON-ready dict.
    """
    token_split = tokens.split(split)
    digests, line_lengths = Digests(), collections.Counter()
    for name in SPLITS:
        for text in units(corpus, name):
            digests.add(name, text)
            if name == split and not corpus.has_documents:
                line_lengths[len(text)] += 1
    if corpus.has_documents:
        lengths = document_lengths(token_split)
    else:
        values = sorted(line_lengths)
        times = [line_lengths[value] for value in values]
        lengths = describe_lengths(values, times, "characters of a line that is not blank")
    return {
        "corpus": corpus.name,
        "split": split,
        **tokens_of(corpus, tokenizer, token_split),
        "documents": len(token_split.document_starts) - 1 if corpus.has_documents else None,
        "texts": preview_texts(token_split, tokenizer, documents),
        "batches": [
            preview_batch(batches, step, tokenizer) for step in range(num_batches if batches else 0)
        ],
        "lengths": lengths,
        "duplicates": describe_duplicates(corpus, digests, split),
    }


def tokens_of(corpus, tokenizer, token_split):
    """Returns what can be counted of a split's tokens, JSON-ready."""
    counts, looked_at = token_counts(token_split, tokenizer.vocab_size)
    num_unknown, num_tokens = token_split.num_unknown, token_split.num_tokens
    unknown = None
    if tokenizer.unk_id is not None:
        unknown = {"tokens": num_unknown, "share": num_unknown / max(1, num_tokens)}
        looked = unknown_words(corpus, token_split.name, tokenizer) if num_unknown else None
        unknown |= looked or {"characters": 0, "words": []}
    return {
        "tokenizer": tokenizer.name,
        "tokens": num_tokens,
        "tokens_looked_at": looked_at,
        "bytes": token_split.num_bytes,
        "words": token_split.num_words,
        "bytes_lost": token_split.bytes_lost,
        "words_lost": token_split.words_lost,
        "bytes_per_token": token_split.num_bytes / max(1, num_tokens),
        "vocabulary": describe_tokens(counts, tokenizer),
        "unknown": unknown,
    }


def document_lengths(token_split, unit="tokens of a document, its end included"):
    """Returns the distribution of a split's documents' lengths; see `describe_lengths`."""
    values, times = np.unique(np.diff(token_split.document_starts), return_counts=True)
    return describe_lengths(values, times, unit)
