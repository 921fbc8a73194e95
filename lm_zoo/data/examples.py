"""A corpus as token ids: the records' fields side by side, each with a tokenizer."""

import dataclasses

import numpy as np

from lm_zoo.data.labels import load_labels
from lm_zoo.data.preparation import (
    ProgressListener,
    prepared_labels,
    prepared_tokenizer,
)
from lm_zoo.data.tokens.token_files import TokenDataset, TokenSplit, prepare
from lm_zoo.errors import UserError
from lm_zoo.text.tokenizers import load_tokenizer


@dataclasses.dataclass(frozen=True)
class ExampleSplit:
    """A split of records as token ids; document i of each field belongs to example i.

    Attributes:
        name: "train", "validation" or "test".
        fields: Field name -> `TokenSplit`.
    """

    name: str
    fields: dict[str, TokenSplit]

    @property
    def num_examples(self):
        """Number of records; None for a stream, which has none."""
        starts = next(iter(self.fields.values())).document_starts
        return None if starts is None else len(starts) - 1

    def first(self, num_tokens):
        """Returns the first examples, with about so many tokens of the last field, and one at least.

        Of a stream they are its first tokens.
        """
        last = next(reversed(self.fields.values()))
        if last.document_starts is None:
            fields = {name: split.first_tokens(num_tokens) for name, split in self.fields.items()}
            return ExampleSplit(self.name, fields)
        count = max(1, int(np.searchsorted(last.document_starts, num_tokens, side="right")) - 1)
        fields = {name: split.first_documents(count) for name, split in self.fields.items()}
        return ExampleSplit(self.name, fields)

    @property
    def text_sha256(self):
        """Field name -> SHA-256, in hex, of its text."""
        return {name: split.text_sha256 for name, split in self.fields.items()}


@dataclasses.dataclass(frozen=True)
class Examples:
    """The token files of each field of a corpus.

    Attributes:
        fields: Field name -> `TokenDataset`.
    """

    fields: dict[str, TokenDataset]

    def split(self, name):
        """Returns an `ExampleSplit`.

        Raises:
            UserError: If a field has no split of that name, or more or fewer documents than others.
        """
        splits = {field: tokens.split(name) for field, tokens in self.fields.items()}
        if len(splits) > 1:
            counts = {field: _num_documents(split) for field, split in splits.items()}
            if len(set(counts.values())) > 1:
                listed = ", ".join(f"{count} of {field}" for field, count in counts.items())
                raise UserError(
                    f"token files: expected equally many documents of each field in the {name} "
                    f"split, received {listed}; restore the folders, or delete them if they are "
                    "in the cache."
                )
        return ExampleSplit(name, splits)


def prepared_preprocessors(config, corpus, fields, listener=None):
    """Returns field name -> `Tokenizer`, each trained once for a text and kept in the cache.

    A field that `shares` another's has the same object, which is trained on the text of both,
    unless the config gives it one of its own.

    Args:
        config: An `ExperimentConfig`.
        corpus: The cleaned `Corpus`; its training split alone is looked at.
        fields: The `Field`s, in the order of a record.
        listener: An `ProgressListener`.

    Raises:
        UserError: For an unknown name, an impossible vocabulary size, or a damaged file.
    """
    listener = listener or ProgressListener()
    owners = {field.name: _owner(config, field) for field in fields}
    kinds, made = {field.name: field.kind for field in fields}, {}
    for owner in dict.fromkeys(owners.values()):
        column = corpus.columns(tuple(name for name in owners if owners[name] == owner))
        if kinds[owner] == "label":
            made[owner] = prepared_labels(config, column, listener)
        else:
            settings = config.tokenizers.get(owner)
            made[owner] = prepared_tokenizer(config, column, listener, settings)
    return {name: made[owner] for name, owner in owners.items()}


def save_preprocessors(fields, preprocessors, path_of):
    """Writes each tokenizer once: one that is also another field's is saved as that field's.

    Args:
        fields: The `Field`s.
        preprocessors: Field name -> `Tokenizer`.
        path_of: Function from a field's name to the folder of its tokenizer.

    Raises:
        UserError: If a folder cannot be written.
    """
    for field in fields:
        tokenizer = preprocessors[field.name]
        if tokenizer is not preprocessors.get(field.shares):
            tokenizer.save(path_of(field.name))


def load_preprocessors(fields, path_of):
    """Returns what `save_preprocessors` wrote; fields that share a tokenizer have the same object.

    Raises:
        UserError: If a folder is missing or damaged.
    """
    owners = {}
    for field in fields:
        shared = field.shares and not path_of(field.name).is_dir()
        owners[field.name] = field.shares if shared else field.name
    load = {
        field.name: load_labels if field.kind == "label" else load_tokenizer for field in fields
    }
    loaded = {name: load[name](path_of(name)) for name in dict.fromkeys(owners.values())}
    return {name: loaded[owner] for name, owner in owners.items()}


def prepared_examples(config, corpus, preprocessors, listener=None):
    """Returns a corpus as verified `Examples`; see `token_files.prepare`.

    Args:
        config: An `ExperimentConfig`.
        corpus: The cleaned `Corpus`.
        preprocessors: Field name -> `Tokenizer`.
        listener: An `ProgressListener`.
    """
    listener = listener or ProgressListener()
    fields = {}
    for name, tokenizer in preprocessors.items():
        column = corpus.column(name)
        listener.begin("tokenizing", column.num_bytes)
        fields[name] = prepare(
            column,
            tokenizer,
            config.data.cache_dir,
            processes=config.runtime.data_processes,
            on_progress=listener.update,
            on_line=listener.line,
        )
    return Examples(fields)


def data_record(corpus, preprocessors, examples):
    """Returns what a run keeps of its data, JSON-ready: origin, checksums and what cleaning did.

    Args:
        corpus: The cleaned `Corpus`.
        preprocessors: Field name -> `Tokenizer`.
        examples: Its `Examples`.
    """
    record = {
        "corpus": corpus.name,
        "source": corpus.source,
        "licence": corpus.licence,
        "fields": {
            name: {
                "sha256": {
                    split: entry["text_sha256"]
                    for split, entry in tokens.manifest["splits"].items()
                },
                "tokenizer_fingerprint": preprocessors[name].fingerprint,
            }
            for name, tokens in examples.fields.items()
        },
    }
    if corpus.has_documents:
        record["examples"] = {
            name: examples.split(name).num_examples
            for name in next(iter(examples.fields.values())).manifest["splits"]
        }
    return record | ({"cleaning": corpus.report} if corpus.report else {})


def _owner(config, field):
    """Returns the name of the field whose tokenizer a field uses: its own or another's."""
    return field.name if field.name in config.tokenizers else field.shares or field.name


def _num_documents(split):
    return 0 if split.document_starts is None else len(split.document_starts) - 1
