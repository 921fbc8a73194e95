"""The user's own files, in any language, split by file, by fraction or by each document's hash."""

import codecs

from lm_zoo.data.cache import cache_dir
from lm_zoo.data.corpora.decoding import check_encoding
from lm_zoo.data.corpora.file_corpus import FileCorpus
from lm_zoo.data.corpora.file_lists import find_files
from lm_zoo.data.corpora.splitting import ByDocumentHash, ByFraction
from lm_zoo.errors import UserError
from lm_zoo.files import reason
from lm_zoo.input_files import open_input_or_pipe, read_at_most

MOST_BYTES = 256 << 20  # of a text that is read whole


def text_files(config):
    """Your own files: text, JSON lines, CSV or Parquet, plain or compressed; folders and patterns.

    The validation and test splits are their own files where these are given; otherwise they are
    taken from the training files as `data.split_by` says. Files of a stream are put together in the
    given order, with a newline between where one does not end in one. A byte order mark is dropped;
    newlines stay as they are. `data.data_dir` is what file names are relative to, and without
    `data.train_files` it is read itself.

    Args:
        config: A `DataConfig`.

    Raises:
        UserError: For a missing file, or settings that do not fit the files. What is in the files
            is found when they are read.
    """
    check_encoding(config.encoding)
    if not config.train_files and not config.data_dir:
        raise UserError(
            "data.train_files: expected one text file or more for data.corpus 'text_files', "
            "received none."
        )
    records = bool(config.text_field) and config.documents == "stream"
    files = {
        split: find_files(f"data.{split}_files", names, config.data_dir, records)
        for split, names in (
            ("train", config.train_files),
            ("validation", config.validation_files),
            ("test", config.test_files),
        )
    }
    if not config.train_files:
        files["train"] = find_files("data.data_dir", [config.data_dir], "", records)
    splitting = ByDocumentHash if config.split_by == "document_hash" else ByFraction
    names = [*config.train_files, *config.validation_files, *config.test_files]
    return FileCorpus(
        name="text_files",
        source="files " + ", ".join(names or [config.data_dir]),
        licence="not stated",
        groups={split: [(file,) for file in found] for split, found in files.items()},
        splitting=splitting(
            0.0 if config.validation_files else config.validation_fraction,
            0.0 if config.test_files else config.test_fraction,
        ),
        cache=cache_dir(config.cache_dir),
        encoding=config.encoding,
        fields={"text": ("data.text_field", config.text_field)},
        documents=config.documents,
    )


def read_text(field, path):
    """Reads one UTF-8 file whole.

    Args:
        field: The config field or flag that named the file, for the error.
        path: The file.

    Raises:
        UserError: If it is missing, empty, a folder, unreadable, longer than `MOST_BYTES`, or not
            UTF-8 (with the place).
    """
    try:
        with open_input_or_pipe(path) as file:
            data = read_at_most(path, file, MOST_BYTES)
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
