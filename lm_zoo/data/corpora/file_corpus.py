"""A corpus that is read from files whenever its text is wanted, and never kept in memory."""

import functools

from lm_zoo.data.corpora.corpus import Corpus
from lm_zoo.data.corpora.documents import TEXT_DOCUMENTS, safe_parts, stream
from lm_zoo.data.corpora.file_splits import FileSplits
from lm_zoo.data.corpora.records import RECORDS
from lm_zoo.data.corpora.splitting import ByBytes
from lm_zoo.errors import UserError


class FileCorpus(Corpus):
    """Files read piece by piece; at most one document or one part of a stream is in memory.

    Args:
        name: As in `corpus.name`.
        source: Where the text comes from, for people.
        licence: For people.
        files: Split -> its `SourceFile`s; what `splitting` takes from "train" has none of its own.
        splitting: A `ByFraction`, `ByDocumentHash` or `ByBytes`, for the splits without files.
        cache: The cache folder, where files' digests are remembered.
        encoding: Of the files.
        text_field: For files of records.
        documents: What a document is in a text file, or "stream".
    """

    def __init__(
        self,
        name,
        source,
        licence,
        files,
        splitting,
        cache,
        encoding="utf-8",
        text_field="",
        documents="stream",
    ):
        self.name = name
        self.source = source
        self.licence = licence
        groups = {split: [(file,) for file in found] for split, found in files.items()}
        self._splits = FileSplits(groups, splitting, cache)
        self._encoding = encoding
        self._text_field = text_field
        self._documents = documents
        files = self._splits.files()
        records = [file for file in files if file.format != "text"]
        self.has_documents = bool(records) or documents != "stream"
        if records and documents == "stream" and len(records) < len(files):
            text = next(file for file in files if file.format == "text")
            raise UserError(
                f"corpus.documents: {str(records[0].path)!r} has documents, and of "
                f"{str(text.path)!r} it is to be said what is one: file, line or paragraph."
            )
        if text_field and not records:
            raise UserError(
                f"corpus.text_field: {text_field!r} is for files of records (.jsonl, .csv, "
                ".parquet, ...), and there are none; leave it empty."
            )
        if not hasattr(splitting, "documents" if self.has_documents else "stream"):
            raise UserError(
                "corpus.split_by: 'document_hash' needs documents, and the text is one stream; set "
                "corpus.documents to file, line or paragraph."
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
        return self._splits.fingerprint([self._encoding, self._text_field, self._documents])

    def texts(self, split):
        """Iterates over a split; see `Corpus.texts`.

        Raises:
            UserError: For what cannot be read, and for a split that must not be empty but is.
        """
        texts = self._splits.items(split, self._read, self._select)
        return texts if self.has_documents else safe_parts(texts)

    def _select(self, split, texts):
        splitting = self._splits.splitting
        select = splitting.documents if self.has_documents else splitting.stream
        return select(split, texts, lambda: self._length)

    def _read(self, groups):
        files = [file for (file,) in groups]
        if not self.has_documents:
            return stream(files, self._encoding)
        return self._read_documents(files)

    def _read_documents(self, files):
        for file in files:
            if file.format == "text":
                documents = TEXT_DOCUMENTS[self._documents](file, self._encoding)
            else:
                fields = {"corpus.text_field": self._text_field}
                records = RECORDS[file.format](file, self._encoding, fields)
                documents = (text for (text,) in records)
            yield from filter(None, documents)

    @functools.cached_property
    def _length(self):
        """The training files' length in what `splitting` counts; found by reading them once."""
        texts = self._splits.training_items(self._read)
        if self.has_documents:
            return sum(1 for _ in texts)
        if isinstance(self._splits.splitting, ByBytes):
            return sum(len(piece.encode()) for piece in texts)
        return sum(map(len, texts))
