"""The user's own files, in any language, split by file, by fraction or by each document's hash."""

import codecs
import dataclasses

from lm_zoo.checked_fields import field
from lm_zoo.data.corpora.file_lists import find_files
from lm_zoo.data.corpora.own_files import OwnFiles
from lm_zoo.errors import UserError
from lm_zoo.files import reason
from lm_zoo.files.input_files import open_input_or_pipe, read_at_most

DOCUMENTS = ("stream", "file", "line", "paragraph")
MAX_BYTES = 256 << 20  # of a text that is read whole


@dataclasses.dataclass
class TextFiles(OwnFiles):
    """Your own files: text, JSON lines, CSV or Parquet, plain or compressed; folders and patterns.

    The validation and test splits are their own files where these are given; otherwise they are
    taken from the training files as `split_by` says. Files of a stream are put together in the
    given order, with a newline between where one does not end in one. A byte order mark is dropped;
    newlines stay as they are.

    Attributes:
        data_dir: What file names are relative to; without `train_files` it is read itself.
        train_files: Files, folders or patterns (`books/**/*.txt.gz`) of the training split: text,
            JSON lines, JSON arrays, CSV, TSV or Parquet, plain or compressed (`.gz`, `.bz2`, `.xz`,
            `.zst`).
        text_field: For records (JSON, CSV, Parquet): the field or column with the text; dots lead
            into nested fields, and a number means that column of a CSV file without names.
        documents: What a document is in a text file: `stream` (nothing: all is one text), `file`,
            `line`, or `paragraph` (between blank lines). Records are always documents.
    """

    corpus_name = "text_files"
    reads_folder = True

    text_field: str = ""
    documents: str = field("stream", choices=DOCUMENTS)

    def groups(self, split):
        records = bool(self.text_field) and self.documents == "stream"
        setting, names, folder = (
            f"corpus.{split}_files",
            getattr(self, f"{split}_files"),
            self.data_dir,
        )
        if split == "train" and not names:
            setting, names, folder = "corpus.data_dir", [folder], ""
        return [(file,) for file in find_files(setting, names, folder, records)]

    def reading(self, groups):
        return {
            "fields": {"text": ("corpus.text_field", self.text_field)},
            "documents": self.documents,
        }


def read_text(field, path):
    """Reads one UTF-8 file whole.

    Args:
        field: The config field or flag that named the file, for the error.
        path: The file.

    Raises:
        UserError: If it is missing, empty, a folder, unreadable, longer than `MAX_BYTES`, or not
            UTF-8 (with the place).
    """
    try:
        with open_input_or_pipe(path) as file:
            data = read_at_most(path, file, MAX_BYTES)
    except FileNotFoundError:
        raise UserError(f"{field}: there is no file {str(path)!r}; check the path.") from None
    except IsADirectoryError:
        raise UserError(f"{field}: expected a text file, {str(path)!r} is a folder.") from None
    except OSError as error:
        raise UserError(f"{field}: could not read {str(path)!r}: {reason(error)}.") from None
    text = decode(field, repr(str(path)), data)
    if not text:
        raise UserError(f"{field}: {str(path)!r} is empty; give a file with text in it.")
    return text


def decode(field, name, data):
    """Decodes UTF-8 bytes, without a byte order mark.

    Args:
        field: The config field or flag that the bytes are for, for the error.
        name: What the bytes are, for the error.
        data: The bytes.

    Raises:
        UserError: If they are not UTF-8, with the place.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{field}: {name} is not UTF-8: byte 0x{data[error.start]:02x} at offset "
            f"{error.start}; convert it to UTF-8 first (e.g. with iconv)."
        ) from None
    return text[1:] if data.startswith(codecs.BOM_UTF8) else text
