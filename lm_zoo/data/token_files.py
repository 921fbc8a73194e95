"""Token ids on disk: memory-mapped shards with a manifest, written once and reused.

A dataset is a folder with `manifest.json` and shards of little-endian uint16 or int32. Its name
holds a hash of the texts and the tokenizer, so another text or tokenizer gets another folder, and a
folder that is there is either the right one or damaged.
"""

import contextlib
import hashlib
import json
import os
import pathlib
import shutil
import tempfile
import time

import numpy as np

from lm_zoo.data.token_reader import (
    FORMAT_VERSION,
    MANIFEST,
    TokenDataset,
    TokenSplit,
    manifest_sha256,
    open_tokens,
)
from lm_zoo.errors import UserError
from lm_zoo.files import advice, reason, sync
from lm_zoo.text.words import count_words, utf8

__all__ = ["TokenDataset", "TokenSplit", "open_tokens", "prepare", "write_tokens"]

SHARD_TOKENS = 1 << 26  # 128 MiB of uint16
TEMPORARY_PREFIX = ".lm_zoo-writing-"  # ours alone, since old ones are removed
ABANDONED_SECONDS = 24 * 3600  # a temporary folder this old was left by a process that was killed


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
    if not directory.exists():
        write_tokens(directory, corpus, tokenizer, shard_tokens, field="data.cache_dir")
    return open_tokens(directory, tokenizer)


def write_tokens(directory, corpus, tokenizer, shard_tokens=SHARD_TOKENS, field="workdir"):
    """Writes the corpus as a dataset folder, whole or not at all; one that is there is left alone.

    Args:
        directory: The dataset's folder.
        corpus: A `Corpus`; it need not have all three splits.
        tokenizer: A `Tokenizer`.
        shard_tokens: Most tokens in one file.
        field: What the user chose the place by, for the error.

    Raises:
        UserError: If it cannot be written, a full disk included; nothing half-written is left.
    """
    directory = pathlib.Path(directory)
    parent, temporary = directory.parent, None
    try:
        parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(parent)
        temporary = pathlib.Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=parent))
        os.chmod(temporary, 0o755)  # mkdtemp's 0700 would hide a shared cache from its readers
        _write(temporary, corpus, tokenizer, shard_tokens)
        try:
            os.rename(temporary, directory)
            temporary = None
            sync(parent)
        except OSError:
            if not directory.exists():
                raise
            # It is there already, or another process was faster; it is verified when opened.
    except OSError as error:
        raise UserError(
            f"{field}: could not write token files into {parent}: {reason(error)}; {advice(error)}."
        ) from None
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def _remove_abandoned(cache):
    for folder in cache.glob(f"{TEMPORARY_PREFIX}*"):
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
    manifest["sha256"] = manifest_sha256(manifest)
    text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
    _write_file(directory / MANIFEST, text.encode("utf-8"))
    sync(directory)


def _write_file(path, data):
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
