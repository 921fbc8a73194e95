"""Opening token files: the folder is verified whole, then memory-mapped."""

import dataclasses
import functools
import hashlib
import json
import pathlib

import numpy as np

from lm_zoo.data.digests import sha256_of
from lm_zoo.errors import UserError
from lm_zoo.files import sha256_file

FORMAT_VERSION = 3
MANIFEST = "manifest.json"


@dataclasses.dataclass(frozen=True)
class TokenSplit:
    """One split's token ids, and the counts that perplexities are reported against.

    Attributes:
        name: "train", "validation" or "test".
        shards: One-dimensional arrays that follow one another, memory-mapped when opened from disk.
        num_bytes: UTF-8 bytes of the text.
        num_words: White-space separated words and line ends of the text.
        num_unknown: Tokens that are `<unk>`.
        bytes_lost: Bytes of the text that the tokens do not give back (`lm_zoo.text.lost_text`).
        words_lost: Words and line ends likewise.
        text_sha256: SHA-256, in hex, of the text.
        document_starts: For a sequence of documents: where each begins, and the number of tokens
            less one; int64 `(documents + 1,)`. Document i is tokens `document_starts[i]`, which is
            the end token before it and its only context, to `document_starts[i + 1]`, which is its
            own end token. None for a stream.
    """

    name: str
    shards: tuple
    num_bytes: int = 0
    num_words: int = 0
    num_unknown: int = 0
    bytes_lost: int = 0
    words_lost: int = 0
    text_sha256: str = ""
    document_starts: np.ndarray | None = None

    @functools.cached_property
    def _offsets(self):
        """The first token's place of each shard, and the number of all tokens."""
        return np.cumsum([0, *map(len, self.shards)], dtype=np.int64)

    @functools.cached_property
    def num_tokens(self):
        return int(self._offsets[-1])

    @property
    def tokens(self):
        """All ids as one array: the memory map itself, or a copy where there are several shards."""
        if len(self.shards) == 1:
            return self.shards[0]
        return self.read(0, self.num_tokens)

    def read(self, start, stop):
        """Returns tokens `start` to `stop - 1`, int32; fewer where the split ends before."""
        start, stop = max(0, start), min(stop, self.num_tokens)
        first = int(np.searchsorted(self._offsets, start, side="right")) - 1
        parts = []
        while start < stop:
            offset = int(self._offsets[first])
            part = self.shards[first][start - offset : stop - offset].astype(np.int32)
            parts.append(part)
            start, first = start + len(part), first + 1
        return parts[0] if len(parts) == 1 else np.concatenate([np.zeros(0, np.int32), *parts])


@dataclasses.dataclass(frozen=True)
class TokenDataset:
    """A folder of token files: `split(name)` gives a `TokenSplit`."""

    directory: pathlib.Path
    manifest: dict
    splits: dict

    def split(self, name):
        return self.splits[name]


def open_tokens(directory, tokenizer, cache=None):
    """Opens a dataset folder and verifies it whole: manifest, sizes, checksums and tokenizer.

    Args:
        directory: The folder.
        tokenizer: The `Tokenizer` that the ids are to be read with.
        cache: Cache folder in which checksums of unchanged files are remembered, so that a large
            dataset is not read whole at every start; None means to read it whole.

    Raises:
        UserError: Naming the shard that is missing, truncated or altered, or the tokenizer that
            does not fit.
    """
    directory = pathlib.Path(directory)
    try:
        manifest = json.loads((directory / MANIFEST).read_bytes().decode("utf-8"))
        version, written_with = manifest["format_version"], manifest["tokenizer"]
        fingerprint = written_with["fingerprint"]
    except OSError:
        raise damaged(directory, f"{MANIFEST} is missing or cannot be read") from None
    except (ValueError, KeyError, TypeError):
        raise damaged(directory, f"{MANIFEST} is not a manifest") from None
    if version != FORMAT_VERSION:
        raise UserError(
            f"token files: {directory} has format version {version!r}, expected {FORMAT_VERSION}: "
            "another lm_zoo wrote it; delete it if it is in the cache, and train the run anew if it "
            "is in one."
        )
    if manifest.get("sha256") != manifest_sha256(manifest):
        raise damaged(directory, f"{MANIFEST} is altered (its checksum is another)")
    if fingerprint != tokenizer.fingerprint:
        raise UserError(
            f"tokenizer: {directory} was written with the {written_with.get('name')} tokenizer "
            f"{fingerprint[:12]}, received the {tokenizer.name} tokenizer "
            f"{tokenizer.fingerprint[:12]}; use the tokenizer that the token files were made with."
        )
    opened = functools.partial(_open_array, directory, cache)
    try:
        splits = {
            name: _open_split(opened, directory, name, np.dtype(manifest["dtype"]), entry)
            for name, entry in manifest["splits"].items()
        }
    except (KeyError, TypeError, AttributeError):
        raise damaged(directory, f"{MANIFEST} is not a manifest") from None
    return TokenDataset(directory, manifest, splits)


def _open_split(opened, directory, name, dtype, entry):
    shards = [opened(shard, dtype, shard["num_tokens"]) for shard in entry["shards"]]
    documents, starts = entry.get("documents"), None
    if documents:
        starts = opened(documents, np.dtype(np.int64), documents["count"] + 1)
    split = TokenSplit(
        name=name,
        shards=tuple(shards),
        num_bytes=entry["bytes"],
        num_words=entry["words"],
        num_unknown=entry["unknown"],
        bytes_lost=entry["bytes_lost"],
        words_lost=entry["words_lost"],
        text_sha256=entry["text_sha256"],
        document_starts=starts,
    )
    if split.num_tokens != entry["tokens"]:
        raise damaged(directory, f"{MANIFEST} counts {entry['tokens']} tokens of {name}")
    return split


def _open_array(directory, cache, described, dtype, count):
    """Memory-maps a file of `count` numbers, having made sure that it is the described one."""
    path = directory / described["name"]
    try:
        size, expected = path.stat().st_size, count * dtype.itemsize
        if size != expected:
            state = "truncated" if size < expected else "altered"
            raise damaged(
                directory, f"shard {path.name} is {state} ({size} bytes, expected {expected})"
            )
        digest = sha256_file(path) if cache is None else sha256_of(path, cache)
        if digest != described["sha256"]:
            raise damaged(directory, f"shard {path.name} is altered (its checksum is another)")
        return np.memmap(path, dtype=dtype.newbyteorder("<"), mode="r")
    except FileNotFoundError:
        raise damaged(directory, f"shard {path.name} is missing") from None
    except OSError as error:
        raise damaged(directory, f"shard {path.name}: {error.strerror}") from None


def manifest_sha256(manifest):
    """SHA-256 of all of the manifest but this checksum itself."""
    rest = {key: value for key, value in manifest.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode("ascii")).hexdigest()


def damaged(directory, what):
    """Builds the error for a dataset folder that is not as it was written."""
    return UserError(
        f"token files: {directory} is damaged: {what}; delete this folder, it will be made again."
    )
