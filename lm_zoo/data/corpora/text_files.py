"""The user's own UTF-8 text files, split by file or by fraction."""

import codecs

from lm_zoo.data.corpora.corpus import SPLITS, TextCorpus, cut
from lm_zoo.errors import UserError


def text_files(config):
    """Reads text files.

    The validation and test splits are their own files where these are given; otherwise they are cut
    by fraction from the end of the training files' text. Files of one split are put together in the
    given order, with a newline between where one does not end in one. A byte order mark is dropped;
    newlines stay as they are.

    Args:
        config: A `DataConfig`.

    Raises:
        UserError: For a missing, empty or unreadable file, a folder, or bytes that are not UTF-8.
    """
    if not config.train_files:
        raise UserError(
            "data.train_files: expected one text file or more for data.corpus 'text_files', "
            "received none."
        )
    validation = 0.0 if config.validation_files else config.validation_fraction
    test = 0.0 if config.test_files else config.test_fraction
    train, validation_text, test_text = cut(
        _read_all("data.train_files", config.train_files), validation, test
    )
    if config.validation_files:
        validation_text = _read_all("data.validation_files", config.validation_files)
    if config.test_files:
        test_text = _read_all("data.test_files", config.test_files)
    if not train:
        raise UserError(
            "data.train_files: the fractions leave no text to train on; give more text or smaller "
            "data.validation_fraction and data.test_fraction."
        )
    names = [*config.train_files, *config.validation_files, *config.test_files]
    return TextCorpus(
        name="text_files",
        splits=dict(zip(SPLITS, (train, validation_text, test_text))),
        source="files " + ", ".join(names),
        licence="not stated",
    )


def _read_all(field, paths):
    texts = [read_text(field, path) for path in paths]
    ended = [text if text.endswith("\n") else text + "\n" for text in texts[:-1]]
    return "".join(ended + texts[-1:])


def read_text(field, path):
    """Reads one UTF-8 file whole.

    Args:
        field: The config field or flag that named the file, for the error.
        path: The file.

    Raises:
        UserError: If it is missing, empty, a folder, unreadable, or not UTF-8 (with the place).
    """
    try:
        with open(path, "rb") as file:
            data = file.read()
    except FileNotFoundError:
        raise UserError(f"{field}: there is no file {str(path)!r}; check the path.") from None
    except IsADirectoryError:
        raise UserError(f"{field}: expected a text file, {str(path)!r} is a folder.") from None
    except OSError as error:
        raise UserError(f"{field}: could not read {str(path)!r}: {error.strerror}.") from None
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
