"""A corpus that is read from files whenever its text is wanted, and never kept in memory."""

import functools
import hashlib
import json

from lm_zoo.data.corpora.corpus import SPLITS, Corpus
from lm_zoo.data.corpora.documents import TEXT_DOCUMENTS, safe_parts, stream
from lm_zoo.data.corpora.records import RECORDS
from lm_zoo.data.corpora.splitting import ByBytes
from lm_zoo.data.digests import sha256_of
from lm_zoo.errors import UserError
from lm_zoo.files import reason

READING_VERSION = 1  # part of the fingerprint: raised when the same files give another text
_COMPRESSION_RATIO = 4  # of text, about, where a file does not tell how long it is


class FileCorpus(Corpus):
    """Files read piece by piece; at most one document or one part of a stream is in memory.

    Args:
        name: As in `data.corpus`.
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
        self._files = {split: tuple(files.get(split, ())) for split in SPLITS}
        self._splitting = splitting
        self._cache = cache
        self._encoding = encoding
        self._text_field = text_field
        self._documents = documents
        records = [file for file in self._all_files() if file.format != "text"]
        self.has_documents = bool(records) or documents != "stream"
        if records and documents == "stream" and len(records) < len(self._all_files()):
            text = next(file for file in self._all_files() if file.format == "text")
            raise UserError(
                f"data.documents: {str(records[0].path)!r} has documents, and of "
                f"{str(text.path)!r} it is to be said what is one: file, line or paragraph."
            )
        if text_field and not records:
            raise UserError(
                f"data.text_field: {text_field!r} is for files of records (.jsonl, .csv, "
                ".parquet, ...), and there are none; leave it empty."
            )
        if not hasattr(splitting, "documents" if self.has_documents else "stream"):
            raise UserError(
                "data.split_by: 'document_hash' needs documents, and the text is one stream; set "
                "data.documents to file, line or paragraph."
            )

    def _all_files(self):
        return [file for split in SPLITS for file in self._files[split]]

    @functools.cached_property
    def num_bytes(self):
        return sum(map(_text_bytes, self._all_files()))

    @functools.cached_property
    def fingerprint(self):
        """A hash of the files' names and bytes, and of how they are read and split."""
        identity = {
            "version": READING_VERSION,
            "files": {
                split: [[file.name, self._digest(file)] for file in files]
                for split, files in self._files.items()
            },
            "reading": [self._encoding, self._text_field, self._documents],
            "splitting": repr(self._splitting),
        }
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()

    def texts(self, split):
        """Iterates over a split; see `Corpus.texts`.

        Raises:
            UserError: For what cannot be read, and for a split that must not be empty but is.
        """
        files = self._files[split] or self._files["train"]
        share = self._splitting.share(split)
        is_whole = split != "train" and files is self._files[split] or share == 1
        if share == 0 and not is_whole:
            return
        texts = self._read_documents(files) if self.has_documents else stream(files, self._encoding)
        if not is_whole:
            select = self._splitting.documents if self.has_documents else self._splitting.stream
            texts = select(split, texts, lambda: self._length)
        is_empty = True
        for text in texts if self.has_documents else safe_parts(texts):
            is_empty = False
            yield text
        if is_empty and self._files[split]:
            if not is_whole and self._length:
                raise UserError(
                    f"{files[0].field}: the fractions leave no text to train on; give more text or "
                    "smaller data.validation_fraction and data.test_fraction."
                )
            raise UserError(f"{files[0].field}: there is no text in {str(files[0].path)!r}.")

    def _read_documents(self, files):
        for file in files:
            if file.format == "text":
                documents = TEXT_DOCUMENTS[self._documents](file, self._encoding)
            else:
                documents = RECORDS[file.format](file, self._encoding, self._text_field)
            yield from filter(None, documents)

    @functools.cached_property
    def _length(self):
        """The training files' length in what `splitting` counts; found by reading them once."""
        files = self._files["train"]
        if self.has_documents:
            return sum(1 for _ in self._read_documents(files))
        if isinstance(self._splitting, ByBytes):
            return sum(len(piece.encode()) for piece in stream(files, self._encoding))
        return sum(map(len, stream(files, self._encoding)))

    def _digest(self, file):
        try:
            file.check_unchanged()
            digest = sha256_of(file.path, self._cache)
            file.check_unchanged()
        except OSError as error:
            raise file.error(f"could not be read: {reason(error)}.") from None
        return digest


def _text_bytes(file):
    """About how many bytes of text are in a file, without reading it."""
    if file.format == "parquet" or not file.compression:
        return file.size
    size = 0
    try:
        with open(file.path, "rb") as opened:
            if file.compression == ".gz":
                opened.seek(-4, 2)
                size = int.from_bytes(opened.read(4), "little")  # modulo 4 GiB
            elif file.compression == ".zst":
                size = _zstd_size(opened.read(18))
    except OSError:
        pass
    return size if size >= file.size else file.size * _COMPRESSION_RATIO


def _zstd_size(header):
    import zstandard

    try:
        size = zstandard.get_frame_parameters(header).content_size
    except zstandard.ZstdError:
        return 0
    return 0 if size == zstandard.CONTENTSIZE_UNKNOWN else size
