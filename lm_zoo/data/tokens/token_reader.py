"""Opening token files: the folder is verified whole, then memory-mapped."""

import dataclasses
import functools
import pathlib

import numpy as np

from lm_zoo.data.digests import sha256_of
from lm_zoo.data.manifests import MANIFEST, manifest_sha256
from lm_zoo.errors import UserError
from lm_zoo.files import raise_if_of_system, reason, sha256_file
from lm_zoo.files.input_files import check_regular
from lm_zoo.files.json_files import (
    MAX_LARGE_BYTES,
    NotJson,
    check,
    file_name,
    natural,
    read_json,
    sha256,
)

FORMAT_VERSION = 3
MADE_AGAIN = "delete this folder, it will be recreated"  # what is in the cache
SCANNED_AT_ONCE = 1 << 22  # numbers


def _dtype(name):
    """uint16 or int32"""
    return name in ("uint16", "int32")


def _positive(value):
    """a whole number from 1 on"""
    return natural(value) and value > 0


_FILE = {"name": file_name, "sha256": sha256}
_MANIFEST = {
    "tokenizer": {"name": str, "fingerprint": str},
    "dtype": _dtype,
    "splits": {
        str: {
            **dict.fromkeys(
                ("tokens", "bytes", "words", "unknown", "bytes_lost", "words_lost"), natural
            ),
            "text_sha256": sha256,
            "shards": [{**_FILE, "num_tokens": _positive}],
            "documents?": {**_FILE, "count": natural},
        }
    },
}


@dataclasses.dataclass(frozen=True)
class TokenSplit:
    """One split's token ids, and the counts that perplexities are reported against.

    Attributes:
        name: "train", "validation" or "test".
        shards: One-dimensional arrays that follow one another, memory-mapped when opened from disk.
        num_bytes: UTF-8 bytes of the text.
        num_words: White-space separated words and line ends of the text.
        num_unknown: Tokens that are `<unk>`.
        bytes_lost: Bytes of the text that decoding the tokens does not restore
            (`lm_zoo.text.lost_text`).
        words_lost: Words and line ends that decoding the tokens does not restore.
        text_sha256: SHA-256, in hex, of the text.
        document_starts: For a sequence of documents: position of the end token before each
            document, and the number of tokens less one; int64 `(documents + 1,)`. For tokens `[end
            a b end c end]` it is `[0, 3, 5]`: document 1 has context `end` (3) and targets `c end`
            (4, 5). None for a stream.
        vocab_size: Ids from here on are invalid, and reading one is an error; None does not check.
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
    vocab_size: int | None = None

    @classmethod
    def counted(cls, name, shards, counts, **more):
        """Returns a split with the counts that `EncodeBlock` gives, or a manifest has of it."""
        named = {f"num_{what}": counts[what] for what in ("bytes", "words", "unknown")}
        lost = {what: counts[what] for what in ("bytes_lost", "words_lost")}
        return cls(name, tuple(shards), **named, **lost, **more)

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
            self._check_ids(part, start)
            parts.append(part)
            start, first = start + len(part), first + 1
        return parts[0] if len(parts) == 1 else np.concatenate([np.zeros(0, np.int32), *parts])

    def first_tokens(self, count):
        """Returns a stream of the first tokens, whose text is not counted."""
        return TokenSplit(self.name, (self.read(0, count),))

    def first_documents(self, count):
        """Returns the first documents, whose text is not counted."""
        starts = np.array(self.document_starts[: count + 1])
        tokens = self.read(0, int(starts[-1]) + 1)
        return TokenSplit(self.name, (tokens,), document_starts=starts)

    def check(self):
        """Raises a `UserError` for an id outside the vocabulary; all of them are read for it."""
        for start in range(0, self.num_tokens, SCANNED_AT_ONCE):
            self.read(start, start + SCANNED_AT_ONCE)

    def _check_ids(self, part, start):
        if self.vocab_size is None or not len(part):
            return
        if part.max() >= self.vocab_size or part.min() < 0:
            place = int(np.flatnonzero((part >= self.vocab_size) | (part < 0))[0])
            raise UserError(
                f"token files: token {start + place:,} of the {self.name} split is {part[place]}, "
                f"but the vocabulary has ids from 0 to {self.vocab_size - 1}; delete the altered "
                "folder of token files, or restore the run's held_out."
            )


@dataclasses.dataclass(frozen=True)
class TokenDataset:
    """A folder of token files: `split(name)` gives a `TokenSplit`."""

    directory: pathlib.Path
    manifest: dict
    splits: dict

    def split(self, name):
        """Returns a `TokenSplit`.

        Raises:
            UserError: If the folder has none of that name.
        """
        if name not in self.splits:
            raise damaged(self.directory, f"{MANIFEST} has no {name} split")
        return self.splits[name]


def open_tokens(directory, tokenizer, cache=None, remedy=MADE_AGAIN):
    """Opens a dataset folder and verifies it whole: manifest, sizes, checksums and tokenizer.

    Args:
        directory: The folder.
        tokenizer: The `Tokenizer` that the ids are to be read with.
        cache: Cache folder in which checksums of unchanged files are remembered, so that a large
            dataset is not read whole at every start; None means to read it whole.
        remedy: What to do about a damaged folder, for the error.

    Raises:
        UserError: Naming the shard that is missing, truncated or altered, or the tokenizer that
            does not fit.
    """
    directory = pathlib.Path(directory)
    broken = functools.partial(damaged, directory, remedy=remedy)
    try:
        manifest = read_json(directory / MANIFEST, {"format_version": natural}, MAX_LARGE_BYTES)
        version = manifest["format_version"]
        if version == FORMAT_VERSION:
            check(manifest, _MANIFEST)
    except OSError as error:
        raise_if_of_system(error)
        raise broken(f"{MANIFEST} is missing or cannot be read ({reason(error)})") from None
    except NotJson as error:
        raise broken(f"{MANIFEST} is not a manifest ({error})") from None
    if version != FORMAT_VERSION:
        raise UserError(
            f"token files: {directory} has format version {version!r}, expected {FORMAT_VERSION}: "
            "another version of lm_zoo wrote it; delete it if it is in the cache, or retrain the "
            "run if it is in one."
        )
    if manifest.get("sha256") != manifest_sha256(manifest):
        raise broken(f"{MANIFEST} was altered (its checksum differs)")
    written_with = manifest["tokenizer"]
    fingerprint = written_with["fingerprint"]
    if fingerprint != tokenizer.fingerprint:
        raise UserError(
            f"tokenizer: {directory} was written with the {written_with.get('name')} tokenizer "
            f"{fingerprint[:12]}, received the {tokenizer.name} tokenizer "
            f"{tokenizer.fingerprint[:12]}; use the tokenizer that made the token files."
        )
    opened = functools.partial(_open_array, directory, cache, broken)
    splits = {
        name: _open_split(
            opened, broken, name, np.dtype(manifest["dtype"]), entry, tokenizer.vocab_size
        )
        for name, entry in manifest["splits"].items()
    }
    if cache is None:
        for split in splits.values():
            split.check()
    return TokenDataset(directory, manifest, splits)


def _open_split(opened, broken, name, dtype, entry, vocab_size):
    shards = [opened(shard, dtype, shard["num_tokens"]) for shard in entry["shards"]]
    documents, starts = entry.get("documents"), None
    if documents:
        starts = opened(documents, np.dtype(np.int64), documents["count"] + 1)
    more = {"text_sha256": entry["text_sha256"], "document_starts": starts}
    split = TokenSplit.counted(name, shards, entry, vocab_size=vocab_size, **more)
    if split.num_tokens != entry["tokens"]:
        raise broken(f"{MANIFEST} counts {entry['tokens']} tokens of {name}")
    if entry["unknown"] > entry["tokens"]:
        raise broken(f"{MANIFEST} counts more unknown tokens of {name} than tokens")
    if starts is not None:
        ends = starts[0] == 0 and starts[-1] == max(0, split.num_tokens - 1)
        if not ends or not _increasing(starts):
            raise broken(f"the places of the documents of {name} are in disorder")
    return split


def _increasing(numbers):
    """Whether each of many numbers is larger than the one before."""
    for start in range(0, len(numbers), SCANNED_AT_ONCE):
        part = numbers[max(0, start - 1) : start + SCANNED_AT_ONCE]
        if (part[1:] <= part[:-1]).any():
            return False
    return True


def _open_array(directory, cache, broken, described, dtype, count):
    """Memory-maps a file of `count` numbers, having made sure that it is the described one."""
    path = directory / described["name"]
    try:
        check_regular(path)
        size, expected = path.stat().st_size, count * dtype.itemsize
        if size != expected:
            state = "truncated" if size < expected else "altered"
            raise broken(f"shard {path.name} is {state} ({size} bytes, expected {expected})")
        digest = sha256_file(path) if cache is None else sha256_of(path, cache)
        if digest != described["sha256"]:
            raise broken(f"shard {path.name} was altered (its checksum differs)")
        return np.memmap(path, dtype=dtype.newbyteorder("<"), mode="r")
    except FileNotFoundError:
        raise broken(f"shard {path.name} is missing") from None
    except OSError as error:
        raise_if_of_system(error)
        raise broken(f"shard {path.name}: {reason(error)}") from None


def damaged(directory, what, remedy=MADE_AGAIN):
    """Builds the error for a dataset folder that is not as it was written."""
    return UserError(f"token files: {directory} is damaged: {what}; {remedy}.")
