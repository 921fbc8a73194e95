"""Both sides of a corpus of pairs as token ids."""

import dataclasses

from lm_zoo.data.preparation import data_record, prepared_tokens
from lm_zoo.data.token_files import TokenDataset


@dataclasses.dataclass(frozen=True)
class PairTokens:
    """The token files of sources and of targets; document i of one belongs to that of the other.

    Attributes:
        sources: The `TokenDataset` of the sources.
        targets: That of the targets.
    """

    sources: TokenDataset
    targets: TokenDataset

    def split(self, name):
        """Returns the `TokenSplit` of the targets, by which text is counted."""
        return self.targets.split(name)

    def pair_of_splits(self, name):
        """Returns `(sources, targets)`, a `TokenSplit` each."""
        return self.sources.split(name), self.targets.split(name)

    def num_pairs(self, name):
        return len(self.targets.split(name).document_starts) - 1


def prepared_pair_tokens(config, corpus, tokenizer, source_tokenizer, observer=None):
    """Returns the `PairTokens` of a corpus, from the cache where they are there already.

    Args:
        config: An `ExperimentConfig`.
        corpus: The cleaned `PairCorpus`.
        tokenizer: The tokenizer of targets.
        source_tokenizer: That of sources; may be the same.
        observer: An `Observer`, or None.
    """
    return PairTokens(
        prepared_tokens(config, corpus.side("source"), source_tokenizer, observer),
        prepared_tokens(config, corpus.side("target"), tokenizer, observer),
    )


def pair_data_record(corpus, tokenizer, source_tokenizer, tokens):
    """Returns what a run keeps of its data; as `data_record`, with the sources' besides."""
    record = data_record(corpus, tokenizer, tokens.targets)
    splits = tokens.sources.manifest["splits"]
    record["source_sha256"] = {name: entry["text_sha256"] for name, entry in splits.items()}
    record["source_tokenizer_fingerprint"] = source_tokenizer.fingerprint
    record["pairs"] = {name: tokens.num_pairs(name) for name in splits}
    return record
