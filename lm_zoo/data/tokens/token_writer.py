"""The files of a token dataset: shards, documents' places and the manifest, down to the disk."""

import hashlib
import os

import numpy as np

from lm_zoo.data.tokens.token_reader import damaged
from lm_zoo.files.input_files import open_input

COPIED_BYTES = 1 << 22
COUNTS = ("characters", "bytes", "words", "unknown", "bytes_lost", "words_lost")


def write_split(directory, name, blocks, dtype, end_id, shard_tokens):
    """Writes one split's shards from its blocks' files, and the places of its documents.

    Args:
        directory: Where to write.
        name: The split.
        blocks: Its `BlockResult`s in order, as `EncodeBlock` makes them.
        dtype: Of the ids on disk.
        end_id: The token that ends documents, and stands before the first, if there is one; None for a
            stream.
        shard_tokens: Most tokens in one file.

    Returns:
        The manifest's entry, without `text_sha256`.
    """
    shards = _Shards(directory, name, dtype, shard_tokens)
    if end_id is not None and blocks:
        shards.write(np.array([end_id], dtype).tobytes())
    for block in blocks:
        shards.write(block.files["tokens"].read_bytes())
    counts = {name: sum(block.record[name] for block in blocks) for name in COUNTS}
    entry = {"tokens": shards.num_tokens, **counts, "shards": shards.close()}
    if end_id is not None:
        entry["documents"] = _write_documents(directory, f"{name}-documents.bin", blocks)
    return entry


def copy_files(source, directory, entry):
    """Copies the files of a manifest's entry, making sure that they are what it says.

    Raises:
        UserError: If one is damaged.
    """
    files = [*entry["shards"], *([entry["documents"]] if entry.get("documents") else [])]
    for described in files:
        copied = _Written(directory / described["name"])
        with open_input(source / described["name"]) as file:
            while data := file.read(COPIED_BYTES):
                copied.write(data)
        if copied.close() != described["sha256"]:
            raise damaged(source, f"{described['name']} was altered (its checksum differs)")


def _write_documents(directory, name, blocks):
    """Writes where each document's end token before it stands, and the last one; int64."""
    written = _Written(directory / name)
    written.write(np.zeros(1, "<i8").tobytes())
    last, count = 0, 0
    for block in blocks:
        lengths = np.frombuffer(block.files["lengths"].read_bytes(), "<i8")
        starts = last + np.cumsum(lengths)
        written.write(starts.astype("<i8").tobytes())
        last, count = (int(starts[-1]) if len(starts) else last), count + len(lengths)
    return {"name": name, "count": count, "sha256": written.close()}


class _Shards:
    """Token ids cut into files of `shard_tokens` ids, the last one excepted."""

    def __init__(self, directory, split, dtype, shard_tokens):
        self.directory = directory
        self.split = split
        self.itemsize = dtype.itemsize
        self.shard_bytes = shard_tokens * dtype.itemsize
        self.num_tokens = 0
        self._file = None
        self._described = []

    def write(self, data):
        self.num_tokens += len(data) // self.itemsize
        data = memoryview(data)
        while len(data):
            if self._file is None:
                name = f"{self.split}-{len(self._described):05d}.bin"
                self._file = _Written(self.directory / name)
            room = self.shard_bytes - self._file.size
            self._file.write(data[:room])
            data = data[room:]
            if self._file.size == self.shard_bytes:
                self._finish()

    def close(self):
        """Ends the last file; returns the manifest's description of all."""
        if self._file is not None:
            self._finish()
        return self._described

    def _finish(self):
        file, self._file = self._file, None
        self._described.append(
            {
                "name": file.path.name,
                "num_tokens": file.size // self.itemsize,
                "sha256": file.close(),
            }
        )


class _Written:
    """A file that is written from its beginning to its end, with its size and checksum."""

    def __init__(self, path):
        self.path = path
        self.size = 0
        self._digest = hashlib.sha256()
        self._file = open(path, "wb")

    def write(self, data):
        self._file.write(data)
        self._digest.update(data)
        self.size += len(data)

    def close(self):
        """Sees the file on to the disk; returns its SHA-256 in hex."""
        with self._file:
            self._file.flush()
            os.fsync(self._file.fileno())
        return self._digest.hexdigest()
