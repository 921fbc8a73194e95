"""A block of documents, or of a stream's parts, in one file that tells when it is damaged.

The file is a SHA-256 (32 bytes) of the rest; then, as little-endian int64, how many texts there
are, their numbers in the split, and their lengths in bytes; then the texts in UTF-8.
"""

import hashlib

import numpy as np

from lm_zoo.errors import UserError
from lm_zoo.files import raise_if_of_system, reason
from lm_zoo.files.input_files import read_input
from lm_zoo.text.words import utf8

MAX_BYTES = 1 << 30  # a block of `lm_zoo.data.blocks` has far less


def documents_to_bytes(documents):
    """Returns the content of a file.

    Args:
        documents: List of `(number, text)`.

    Raises:
        UserError: For a lone surrogate in a text.
    """
    texts = [utf8(text) for _, text in documents]
    numbers = np.array([number for number, _ in documents], "<i8")
    lengths = np.array([len(text) for text in texts], "<i8")
    count = np.array([len(texts)], "<i8")
    body = b"".join([count.tobytes(), numbers.tobytes(), lengths.tobytes(), *texts])
    return hashlib.sha256(body).digest() + body


def read_documents(path, sha256=None):
    """Reads a file of `documents_to_bytes`.

    Args:
        path: The file.
        sha256: The checksum that it begins with, in hex, if it is known.

    Returns:
        A list of `(number, text)`.

    Raises:
        UserError: If it is missing or damaged.
    """
    try:
        data = memoryview(read_input(path, MAX_BYTES))
    except OSError as error:
        raise_if_of_system(error)
        raise _damaged(path, reason(error)) from None
    body = data[32:]
    digest = hashlib.sha256(body).digest()
    if len(body) < 8 or digest != data[:32] or (sha256 and digest.hex() != sha256):
        raise _damaged(path, "its checksum is wrong")
    count = int(np.frombuffer(body[:8], "<i8")[0])
    numbers = np.frombuffer(body[8 : 8 + 8 * count], "<i8").tolist()
    lengths = np.frombuffer(body[8 + 8 * count : 8 + 16 * count], "<i8").tolist()
    documents, begin = [], 8 + 16 * count
    for number, length in zip(numbers, lengths):
        documents.append((number, str(body[begin : begin + length], "utf-8")))
        begin += length
    return documents


def _damaged(path, why):
    return UserError(
        f"data.cache_dir: cleaned text {path} cannot be used: {why}; delete the folder "
        f"{path.parent} and rerun."
    )
