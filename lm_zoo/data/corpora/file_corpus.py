"""A corpus that is read from files whenever its text is wanted, and never kept in memory."""

import functools

from lm_zoo.data.corpora.corpus import Corpus
from lm_zoo.data.corpora.file_splits import FileSplits
from lm_zoo.data.corpora.readers.aligned_lines import aligned_lines
from lm_zoo.data.corpora.readers.documents import TEXT_DOCUMENTS, safe_parts, stream
from lm_zoo.data.corpora.readers.marked_lines import plain_lines
from lm_zoo.data.corpora.readers.records import RECORDS
from lm_zoo.data.corpora.splitting import ByBytes
from lm_zoo.errors import UserError


class FileCorpus(Corpus):
    """Files read piece by piece; at most one record or one part of a stream is in memory.

    Args:
        name: The value of `corpus.name`.
        source: Where the text comes from, to be shown.
        licence: Its licence, to be shown.
        groups: Split -> its groups of files, each a tuple of `SourceFile`s: one whose records have
            all fields, or as many as there are fields, whose lines are aligned. What `splitting`
            takes from "train" has no files of its own.
        splitting: A `ByFraction`, `ByDocumentHash` or `ByBytes`, for the splits without files.
        cache: The cache folder, where files' digests are remembered.
        encoding: Of the files.
        fields: Field name -> `(setting, column)`: the config field that says which column of files
            of records has the text, and what it says.
        documents: What a document is in a text file, or "stream"; for one field.
        read_lines: How the lines of aligned files are read.
        numbers: Whether numbers in records are texts, as they are written.
    """

    def __init__(
        self,
        name,
        source,
        licence,
        groups,
        splitting,
        cache,
        encoding="utf-8",
        fields=None,
        documents="stream",
        read_lines=plain_lines,
        numbers=False,
    ):
        self.name = name
        self.source = source
        self.licence = licence
        fields = fields or {"text": ("corpus.text_field", "")}
        self.fields = tuple(fields)
        self._columns = dict(fields.values())
        self.is_raw = len(fields) > 1
        self._splits = FileSplits(groups, splitting, cache)
        self._encoding = encoding
        self._documents = documents
        self._read_lines = read_lines
        self._numbers = numbers
        files = self._splits.files()
        records = [file for file in files if file.format != "text"]
        self.has_documents = bool(records) or documents != "stream" or self.is_raw
        if self.is_raw:
            return
        if records and documents == "stream" and len(records) < len(files):
            text = next(file for file in files if file.format == "text")
            raise UserError(
                f"corpus.documents: {str(records[0].path)!r} has documents; say what a document "
                f"of {str(text.path)!r} is: file, line or paragraph."
            )
        ((setting, column),) = fields.values()
        if column and not records:
            raise UserError(
                f"{setting}: {column!r} is for files of records (.jsonl, .csv, .parquet, ...), and "
                "there are none; leave it empty."
            )
        if not hasattr(splitting, "documents" if self.has_documents else "stream"):
            raise UserError(
                "corpus.split_by: 'document_hash' needs documents, but the text is one stream; "
                "set corpus.documents to file, line or paragraph."
            )

    @functools.cached_property
    def num_bytes(self):
        return self._splits.num_bytes

    @property
    def asked_shares(self):
        return self._splits.asked_shares

    @functools.cached_property
    def fingerprint(self):
        """A hash of the files' names and bytes, and of how they are read and split."""
        reading = [self._encoding, list(self.fields), *self._columns.values(), self._documents]
        return self._splits.fingerprint(reading)

    def records(self, split):
        """Iterates over a split; see `Corpus.records`.

        Raises:
            UserError: For what cannot be read, and for a split that must not be empty but is.
        """
        if not self.has_documents:
            return super().records(split)
        return self._splits.items(split, self._read_records, self._select)

    def texts(self, split):
        """Iterates over a split; see `Corpus.texts` and `records`."""
        if self.has_documents:
            return super().texts(split)
        return safe_parts(self._splits.items(split, self._read_stream, self._select))

    def _select(self, split, items):
        splitting = self._splits.splitting
        select = splitting.documents if self.has_documents else splitting.stream
        return select(split, items, lambda: self._length)

    def _read_stream(self, groups):
        return stream([file for (file,) in groups], self._encoding)

    def _read_records(self, groups):
        for group in groups:
            if len(group) > 1:
                yield from aligned_lines(group, self._encoding, self._read_lines)
            elif group[0].format == "text" and not self.is_raw:
                for text in TEXT_DOCUMENTS[self._documents](group[0], self._encoding):
                    if text:
                        yield (text,)
            else:
                read = RECORDS[group[0].format]
                records = read(group[0], self._encoding, self._columns, numbers=self._numbers)
                yield from records if self.is_raw else (record for record in records if record[0])

    @functools.cached_property
    def _length(self):
        """The training files' length in what `splitting` counts; found by reading them once."""
        if self.has_documents:
            return sum(1 for _ in self._splits.training_items(self._read_records))
        texts = self._splits.training_items(self._read_stream)
        if isinstance(self._splits.splitting, ByBytes):
            return sum(len(piece.encode()) for piece in texts)
        return sum(map(len, texts))
