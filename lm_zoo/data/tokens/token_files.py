"""Token ids on disk: memory-mapped shards with a manifest, written once and reused.

A dataset is a folder with `manifest.json`, shards of little-endian uint16 or int32, and, where the
corpus has documents, their places. Its name holds a hash of the texts and the tokenizer, so another
text or tokenizer gets another folder, and a folder that is there is either the right one or
damaged.
"""

import pathlib
import shutil

from lm_zoo.data.blocks import BLOCK_CHARACTERS, cut_blocks, process_blocks
from lm_zoo.data.cache import cache_dir, made_once, publish, writing
from lm_zoo.data.corpora.corpus import SPLITS
from lm_zoo.data.digests import json_sha256
from lm_zoo.data.manifests import write_manifest
from lm_zoo.data.tokens.token_blocks import EncodeBlock, TextDigests, token_dtype
from lm_zoo.data.tokens.token_reader import (
    FORMAT_VERSION,
    TokenDataset,
    TokenSplit,
    open_tokens,
)
from lm_zoo.data.tokens.token_writer import copy_files, write_split
from lm_zoo.errors import UserError

__all__ = ["TokenDataset", "TokenSplit", "copy_splits", "open_tokens", "prepare"]

SHARD_TOKENS = 1 << 26  # 128 MiB of uint16


def prepare(
    corpus,
    tokenizer,
    cache="",
    shard_tokens=SHARD_TOKENS,
    processes=1,
    block_characters=BLOCK_CHARACTERS,
    on_progress=None,
    on_line=None,
):
    """Returns the corpus as token ids, from the cache where it is there already.

    Text is read once, tokenized block by block in several processes, and put together: the bytes on
    disk do not depend on the number of processes, on the size of a block, or on how often this was
    killed on the way. It needs room on the disk for the token ids twice.

    At any moment there are `processes + 1` blocks in memory, each of `block_characters` and what is
    left of its last document or line (128 MiB at most), and the ids of one block a process.

    Args:
        corpus: A `Corpus`.
        tokenizer: A `Tokenizer`.
        cache: Folder of the dataset folders; empty means `lm_zoo.data.cache.cache_dir()`.
        shard_tokens: Most tokens in one file.
        processes: Worker processes; 0 means one a core.
        block_characters: Text that is tokenized at once.
        on_progress: Called with the number of UTF-8 bytes done so far.
        on_line: Called with a line of text: before waiting for another process that does the same,
            and when there is something to go on with.

    Returns:
        A verified `TokenDataset`.

    Raises:
        UserError: If the cached folder is damaged (it is not mended silently), or the folder cannot
            be written, a full disk included; what is done is kept then, and gone on with later.
    """
    if not tokenizer.in_streams:
        raise UserError(
            "tokenizer: this one joins line ends to the characters before them, as Llama 3's "
            "does, but corpora are read line by line; use another kind. It can generate, score "
            "and export with imported weights."
        )
    cache = cache_dir(cache)
    if corpus.has_documents and tokenizer.end_id is None:
        raise UserError(
            "tokenizer.name: expected a tokenizer with an end token or a newline, to end "
            f"documents; this {tokenizer.name} tokenizer has neither: train it on text with a "
            "newline, or use another."
        )
    directory = cache / f"{corpus.name}-{tokenizer.name}-{_identity(corpus, tokenizer)}"
    with made_once(directory, on_wait=on_line) as work:
        if work is not None:
            blocks = work / f"blocks-{block_characters}"
            if on_line and (done := len(list(blocks.glob("*.json")))):
                on_line(f"Resuming earlier work: {done:,} blocks of text are done.")
            digests = TextDigests(corpus.has_documents)
            results = process_blocks(
                digests.watch(cut_blocks(corpus, size=block_characters)),
                EncodeBlock(tokenizer, corpus.has_documents),
                blocks,
                processes,
                on_progress=lambda characters: (
                    on_progress and on_progress(digests.bytes_of(characters))
                ),
                pool_from=min(block_characters, BLOCK_CHARACTERS),
                durable=False,  # the shards that are made of them are
            )
            _assemble(work / "whole", corpus, tokenizer, results, digests, shard_tokens)
            publish(work / "whole", directory)
    return open_tokens(directory, tokenizer, cache)


def copy_splits(tokens, names, directory):
    """Copies some splits of a `TokenDataset` as a dataset of their own, whole or not at all.

    Raises:
        UserError: If it cannot be written, a full disk included, or the copied files are damaged.
    """
    directory = pathlib.Path(directory)
    with made_once(directory, "workdir") as work, writing(directory, "workdir"):
        if work is not None:
            whole = _emptied(work / "whole")
            splits = {name: tokens.manifest["splits"][name] for name in names}
            for entry in splits.values():
                copy_files(tokens.directory, whole, entry)
            write_manifest(whole, {**tokens.manifest, "splits": splits})
            publish(whole, directory)


def _identity(corpus, tokenizer):
    identity = [FORMAT_VERSION, corpus.name, corpus.fingerprint, corpus.has_documents]
    return json_sha256([*identity, tokenizer.fingerprint])[:12]


def _assemble(directory, corpus, tokenizer, results, digests, shard_tokens):
    """Puts what was made of the blocks together to shards, and writes the manifest last."""
    _emptied(directory)
    dtype = token_dtype(tokenizer.vocab_size)
    end_id = tokenizer.end_id if corpus.has_documents else None
    splits = {}
    for name in SPLITS:
        blocks = [result for result in results if result.split == name]
        splits[name] = write_split(directory, name, blocks, dtype, end_id, shard_tokens)
        splits[name]["text_sha256"] = digests.hexdigest(name)
    manifest = {
        "format_version": FORMAT_VERSION,
        "corpus": {"name": corpus.name, "source": corpus.source, "licence": corpus.licence},
        "tokenizer": {
            "name": tokenizer.name,
            "fingerprint": tokenizer.fingerprint,
            "vocab_size": tokenizer.vocab_size,
        },
        "dtype": dtype.name,
        "splits": splits,
    }
    write_manifest(directory, manifest | ({"cleaning": corpus.report} if corpus.report else {}))


def _emptied(directory):
    """Makes an empty folder; what a killed process had put together is made anew."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    return directory
