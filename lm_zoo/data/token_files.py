"""Token ids on disk: memory-mapped shards with a manifest, written once and reused.

A dataset is a folder with `manifest.json` and shards of little-endian uint16 or int32. Its name holds
a hash of the texts and the tokenizer, so another text or tokenizer gets another folder, and a folder
that is there is either the right one or damaged.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import pathlib
import shutil
import tempfile
import time

import numpy as np

from lm_zoo.errors import UserError
from lm_zoo.text.words import count_words, utf8

FORMAT_VERSION = 1
MANIFEST = "manifest.json"
SHARD_TOKENS = 1 << 26  # 128 MiB of uint16
ABANDONED_SECONDS = 24 * 3600  # a temporary folder this old was left by a process that was killed


@dataclasses.dataclass(frozen=True)
class TokenSplit:
    """One split's token ids, and the counts that perplexities are reported against.

    Attributes:
        name: "train", "validation" or "test".
        shards: One-dimensional arrays that follow one another, memory-mapped when opened from disk.
        num_bytes: UTF-8 bytes of the text.
        num_words: White-space separated words and line ends of the text.
        num_unknown: Tokens that are `<unk>`.
        text_sha256: SHA-256, in hex, of the text.
    """

    name: str
    shards: tuple
    num_bytes: int = 0
    num_words: int = 0
    num_unknown: int = 0
    text_sha256: str = ""

    @property
    def num_tokens(self):
        return sum(len(shard) for shard in self.shards)

    @property
    def tokens(self):
        """All ids as one array: the memory map itself, or a copy where there are several shards."""
        if len(self.shards) == 1:
            return self.shards[0]
        return self.read(0, self.num_tokens)

    def read(self, start, stop):
        """Returns tokens `start` to `stop - 1`, int32; fewer where the split ends before."""
        parts, offset = [], 0
        for shard in self.shards:
            if offset < stop and start < offset + len(shard):
                part = shard[max(0, start - offset) : stop - offset]
                parts.append(part.astype(np.int32))
            offset += len(shard)
        return parts[0] if len(parts) == 1 else np.concatenate([np.zeros(0, np.int32), *parts])


@dataclasses.dataclass(frozen=True)
class TokenDataset:
    """A folder of token files: `split(name)` gives a `TokenSplit`."""

    directory: pathlib.Path
    manifest: dict
    splits: dict

    def split(self, name):
        return self.splits[name]


def default_cache_dir():
    """`$LM_ZOO_CACHE`, or `~/.cache/lm_zoo`."""
    return os.environ.get("LM_ZOO_CACHE") or os.path.join("~", ".cache", "lm_zoo")


def prepare(corpus, tokenizer, cache_dir="", shard_tokens=SHARD_TOKENS):
    """Returns the corpus as token ids, from the cache where it is there already.

    Args:
        corpus: A `Corpus`.
        tokenizer: A `Tokenizer`.
        cache_dir: Folder of the dataset folders; empty means `default_cache_dir()`.
        shard_tokens: Most tokens in one file.

    Returns:
        A verified `TokenDataset`.

    Raises:
        UserError: If the cached folder is damaged (it is not mended silently), or the folder cannot
            be written, a full disk included; nothing half-written is left then.
    """
    cache = pathlib.Path(cache_dir or default_cache_dir()).expanduser()
    identity = [FORMAT_VERSION, corpus.name, sorted(corpus.sha256.items()), tokenizer.fingerprint]
    digest = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:12]
    directory = cache / f"{corpus.name}-{tokenizer.name}-{digest}"
    if directory.exists():
        return open_tokens(directory, tokenizer)
    temporary = None
    try:
        cache.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(cache)
        temporary = pathlib.Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=cache))
        os.chmod(temporary, 0o755)  # mkdtemp's 0700 would hide a shared cache from its readers
        _write(temporary, corpus, tokenizer, shard_tokens)
        try:
            os.rename(temporary, directory)
            temporary = None
            _sync(cache)
        except OSError:
            if not directory.exists():
                raise
            # Another process was faster; its folder is verified like any other.
    except OSError as error:
        raise UserError(
            f"data.cache_dir: could not write token files into {cache}: {error.strerror or error}; "
            f"free some room or choose another folder."
        ) from None
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
    return open_tokens(directory, tokenizer)


def _remove_abandoned(cache):
    for folder in cache.glob(".*-*-*.*"):
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime > ABANDONED_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)


def _write(directory, corpus, tokenizer, shard_tokens):
    """Writes the shards and then the manifest, each down to the disk."""
    dtype = "<u2" if tokenizer.vocab_size <= 1 << 16 else "<i4"
    splits = {}
    for name, text in corpus.splits.items():
        token_ids = tokenizer.encode(text)
        data = utf8(text)
        shards = []
        for number, start in enumerate(range(0, len(token_ids), shard_tokens)):
            part = token_ids[start : start + shard_tokens].astype(dtype).tobytes()
            file_name = f"{name}-{number:05d}.bin"
            _write_file(directory / file_name, part)
            shards.append(
                {
                    "name": file_name,
                    "num_tokens": len(part) // np.dtype(dtype).itemsize,
                    "sha256": hashlib.sha256(part).hexdigest(),
                }
            )
        unknown = 0 if tokenizer.unk_id is None else np.count_nonzero(token_ids == tokenizer.unk_id)
        splits[name] = {
            "tokens": len(token_ids),
            "bytes": len(data),
            "words": count_words(data),
            "unknown": int(unknown),
            "text_sha256": corpus.sha256[name],
            "shards": shards,
        }
    manifest = {
        "format_version": FORMAT_VERSION,
        "corpus": {"name": corpus.name, "source": corpus.source, "licence": corpus.licence},
        "tokenizer": {
            "name": tokenizer.name,
            "fingerprint": tokenizer.fingerprint,
            "vocab_size": tokenizer.vocab_size,
        },
        "dtype": np.dtype(dtype).name,
        "splits": splits,
    }
    manifest["sha256"] = _manifest_sha256(manifest)
    text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
    _write_file(directory / MANIFEST, text.encode("utf-8"))
    _sync(directory)


def _manifest_sha256(manifest):
    """SHA-256 of all of the manifest but this checksum itself."""
    rest = {key: value for key, value in manifest.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode("ascii")).hexdigest()


def _write_file(path, data):
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(directory):
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def open_tokens(directory, tokenizer):
    """Opens a dataset folder and verifies it whole: manifest, sizes, checksums and tokenizer.

    Args:
        directory: The folder.
        tokenizer: The `Tokenizer` that the ids are to be read with.

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
        raise _damaged(directory, f"{MANIFEST} is missing or cannot be read") from None
    except (ValueError, KeyError, TypeError):
        raise _damaged(directory, f"{MANIFEST} is not a manifest") from None
    if version != FORMAT_VERSION:
        raise _damaged(directory, f"format version {version!r}, expected {FORMAT_VERSION}")
    if manifest.get("sha256") != _manifest_sha256(manifest):
        raise _damaged(directory, f"{MANIFEST} is altered (its checksum is another)")
    if fingerprint != tokenizer.fingerprint:
        raise UserError(
            f"tokenizer: {directory} was written with the {written_with.get('name')} tokenizer "
            f"{fingerprint[:12]}, received the {tokenizer.name} tokenizer "
            f"{tokenizer.fingerprint[:12]}; use the tokenizer that the token files were made with."
        )
    try:
        splits = {
            name: _open_split(directory, name, np.dtype(manifest["dtype"]), entry)
            for name, entry in manifest["splits"].items()
        }
    except (KeyError, TypeError, AttributeError):
        raise _damaged(directory, f"{MANIFEST} is not a manifest") from None
    return TokenDataset(directory, manifest, splits)


def _open_split(directory, name, dtype, entry):
    shards = tuple(_open_shard(directory, dtype, shard) for shard in entry["shards"])
    split = TokenSplit(
        name=name,
        shards=shards,
        num_bytes=entry["bytes"],
        num_words=entry["words"],
        num_unknown=entry["unknown"],
        text_sha256=entry["text_sha256"],
    )
    if split.num_tokens != entry["tokens"]:
        raise _damaged(directory, f"{MANIFEST} counts {entry['tokens']} tokens of {name}")
    return split


def _open_shard(directory, dtype, shard):
    path = directory / shard["name"]
    try:
        size = path.stat().st_size
        expected = shard["num_tokens"] * dtype.itemsize
        if size != expected:
            state = "truncated" if size < expected else "altered"
            raise _damaged(
                directory, f"shard {path.name} is {state} ({size} bytes, expected {expected})"
            )
        with open(path, "rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != shard["sha256"]:
                raise _damaged(directory, f"shard {path.name} is altered (its checksum is another)")
        return np.memmap(path, dtype=dtype.newbyteorder("<"), mode="r")
    except FileNotFoundError:
        raise _damaged(directory, f"shard {path.name} is missing") from None
    except OSError as error:
        raise _damaged(directory, f"shard {path.name}: {error.strerror}") from None


def _damaged(directory, what):
    return UserError(
        f"token files: {directory} is damaged: {what}; delete this folder, it will be made again."
    )
