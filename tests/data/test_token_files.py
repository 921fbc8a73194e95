"""Token files are whole or absent, reused when nothing changed, and never trusted unverified."""

import concurrent.futures
import errno
import hashlib
import json
import os
import resource
import time

import numpy as np
import pytest

from lm_zoo.data.cache import WORK_PREFIX
from lm_zoo.data.corpora.corpus import TextCorpus
from lm_zoo.data.manifests import MANIFEST
from lm_zoo.data.tokens.token_files import TokenSplit, copy_splits, open_tokens, prepare
from lm_zoo.errors import UserError
from lm_zoo.text.tokenizers import ByteTokenizer, CharacterTokenizer, WordTokenizer
from tests.shortage import without_descriptors

TEXTS = {"train": "the cat sat\non the mat\n" * 40, "validation": "a dög\n", "test": ""}


@pytest.fixture
def corpus():
    return TextCorpus("tiny", dict(TEXTS), source="a test", licence="CC0-1.0")


@pytest.fixture
def word():
    return WordTokenizer.train(TEXTS["train"])


def folders(cache):
    return sorted(path.name for path in cache.iterdir())


def test_tokens_and_counts_are_those_of_the_text(corpus, word, tmp_path):
    dataset = prepare(corpus, word, tmp_path)
    for name, text in TEXTS.items():
        split, ids = dataset.split(name), word.encode(text)
        assert split.name == name
        assert split.num_tokens == len(ids)
        assert split.read(0, len(ids)).tolist() == ids.tolist()
        assert split.tokens.tolist() == ids.tolist()
        assert split.num_bytes == len(text.encode())
        assert split.num_words == len(text.split()) + text.count("\n")
        assert split.num_unknown == sum(w not in word.words for w in text.split())
        assert split.text_sha256 == hashlib.sha256(text.encode()).hexdigest()
    assert isinstance(dataset.split("train").tokens, np.memmap)
    assert dataset.split("validation").num_unknown == 2


def test_the_manifest_says_where_the_ids_come_from(corpus, word, tmp_path):
    dataset = prepare(corpus, word, tmp_path)
    manifest = json.loads((dataset.directory / MANIFEST).read_text(encoding="utf-8"))
    assert manifest == dataset.manifest
    assert manifest["corpus"] == {"name": "tiny", "source": "a test", "licence": "CC0-1.0"}
    assert manifest["tokenizer"] == {
        "name": "word",
        "fingerprint": word.fingerprint,
        "vocab_size": word.vocab_size,
    }
    assert manifest["splits"]["train"]["shards"][0]["num_tokens"] == 320


def test_ids_take_two_bytes_where_they_fit(tmp_path):
    for size, dtype in ((65_535, np.uint16), (65_536, np.int32)):
        characters = [chr(c) for c in range(0x10000, 0x10000 + size)]
        tokenizer = CharacterTokenizer(characters)
        assert tokenizer.vocab_size == size + 1
        text = characters[0] + characters[-1]
        dataset = prepare(
            TextCorpus("wide", {"train": text, "validation": "", "test": ""}, "", ""),
            tokenizer,
            tmp_path,
        )
        split = dataset.split("train")
        assert split.tokens.dtype == dtype and dataset.manifest["dtype"] == np.dtype(dtype).name
        assert split.read(0, 2).tolist() == [1, size] and split.read(0, 2).dtype == np.int32


def test_shards_read_like_one_array(corpus, tmp_path):
    dataset = prepare(corpus, ByteTokenizer(), tmp_path, shard_tokens=100)
    split, whole = dataset.split("train"), ByteTokenizer().encode(TEXTS["train"])
    assert len(split.shards) == 10 and max(len(s) for s in split.shards) == 100
    assert split.tokens.tolist() == whole.tolist()
    for start in (0, 1, 99, 100, 101, 250, 919, 920, 1000):
        for length in (0, 1, 2, 100, 101, 350, 2000):
            part = split.read(start, start + length)
            assert part.dtype == np.int32
            assert part.tolist() == whole[start : start + length].tolist()


def test_an_unchanged_corpus_is_not_written_again(corpus, word, tmp_path):
    first = prepare(corpus, word, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in first.directory.iterdir()}
    again = prepare(corpus, WordTokenizer.train(TEXTS["train"]), tmp_path)
    assert again.directory == first.directory
    assert {path: path.stat().st_mtime_ns for path in again.directory.iterdir()} == before


class UsedUpTokenizer(ByteTokenizer):
    def encode(self, text):
        raise AssertionError("the token files are there already")


def test_a_cached_corpus_is_not_even_encoded_again(corpus, tmp_path):
    prepare(corpus, ByteTokenizer(), tmp_path)
    assert prepare(corpus, UsedUpTokenizer(), tmp_path).split("train").num_tokens == 920


def test_another_text_or_tokenizer_gets_another_folder(corpus, word, tmp_path):
    directories = {prepare(corpus, word, tmp_path).directory}
    directories.add(prepare(corpus, ByteTokenizer(), tmp_path).directory)
    directories.add(prepare(corpus, WordTokenizer.train("other words"), tmp_path).directory)
    longer = TextCorpus("tiny", TEXTS | {"test": "more"}, "a test", "CC0-1.0")
    directories.add(prepare(longer, word, tmp_path).directory)
    assert len(directories) == 4 == len(folders(tmp_path))


def test_a_damaged_shard_is_named_and_not_mended(corpus, tmp_path):
    tokenizer = ByteTokenizer()
    directory = prepare(corpus, tokenizer, tmp_path, shard_tokens=400).directory
    shard = directory / "train-00001.bin"
    good = shard.read_bytes()
    flipped = bytes([good[0] ^ 1]) + good[1:]
    for data, message in [
        (good[:-2], "train-00001.bin is truncated .798 bytes, expected 800."),
        (good + b"\0\0", "train-00001.bin is altered .802 bytes"),
        (flipped, "train-00001.bin was altered .its checksum"),
        (None, "train-00001.bin is missing"),
    ]:
        shard.unlink() if data is None else shard.write_bytes(data)
        for attempt in (
            lambda: open_tokens(directory, tokenizer),
            lambda: prepare(corpus, tokenizer, tmp_path, shard_tokens=400),
        ):
            with pytest.raises(UserError, match=message + ".*delete this folder") as caught:
                attempt()
            assert str(directory) in str(caught.value) and "\n" not in str(caught.value)
    shard.write_bytes(good)
    assert open_tokens(directory, tokenizer).split("train").num_tokens == 920


def test_a_damaged_manifest_is_an_error(corpus, tmp_path):
    tokenizer = ByteTokenizer()
    directory = prepare(corpus, tokenizer, tmp_path).directory
    path = directory / MANIFEST
    good = path.read_text(encoding="utf-8")
    for text, message in [
        (good[: len(good) // 2], "is not a manifest"),
        ("{}", "is not a manifest"),
        ("[]", "is not a manifest"),
        (good.replace('"bytes": 920', '"bytes": 460'), "manifest.json was altered"),
        (good.replace('"format_version": 3', '"format_version": 2'), "version 2, expected 3"),
    ]:
        assert text != good
        path.write_text(text, encoding="utf-8")
        with pytest.raises(UserError, match=message):
            open_tokens(directory, tokenizer)
    path.unlink()
    with pytest.raises(UserError, match="manifest.json is missing"):
        open_tokens(directory, tokenizer)


def test_a_tokenizer_that_does_not_fit_is_an_error(corpus, word, tmp_path):
    directory = prepare(corpus, word, tmp_path).directory
    with pytest.raises(UserError, match="written with the word tokenizer .*received the byte"):
        open_tokens(directory, ByteTokenizer())
    with pytest.raises(UserError, match="use the tokenizer that"):
        open_tokens(directory, WordTokenizer.train("other words"))


class InterruptedTokenizer(ByteTokenizer):
    def encode_parts(self, parts, begins):
        if "".join(parts) == TEXTS["validation"]:
            raise KeyboardInterrupt
        return super().encode_parts(parts, begins)


def test_an_interrupted_writer_leaves_nothing_that_is_taken_for_whole(corpus, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        prepare(corpus, InterruptedTokenizer(), tmp_path)
    (left,) = folders(tmp_path)
    assert left.startswith(WORK_PREFIX)
    assert prepare(corpus, ByteTokenizer(), tmp_path).split("train").num_tokens == 920
    assert not any(name.startswith(WORK_PREFIX) for name in folders(tmp_path))


@pytest.mark.parametrize("largest", [100, 600, 1000])
def test_a_full_disk_is_an_error_and_the_same_command_goes_on(corpus, tmp_path, largest):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, hard))  # more fails, as on a full disk
    try:
        with pytest.raises(UserError, match=f"could not write into {tmp_path}: File too large"):
            prepare(corpus, ByteTokenizer(), tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert all(name.startswith(WORK_PREFIX) for name in folders(tmp_path))
    tokens = prepare(corpus, ByteTokenizer(), tmp_path)
    assert tokens.split("train").num_tokens == 920
    assert folders(tmp_path) == [tokens.directory.name]


def test_a_cache_that_cannot_be_made_is_an_error(corpus, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="data.cache_dir: could not write into .*file/cache"):
        prepare(corpus, ByteTokenizer(), tmp_path / "file" / "cache")


def test_writers_at_the_same_time_do_not_disturb_each_other(tmp_path):
    text = "concurrent " * 20_000

    def write(_):
        corpus = TextCorpus("same", {"train": text, "validation": "", "test": ""}, "", "")
        return prepare(corpus, ByteTokenizer(), tmp_path, shard_tokens=50_000)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        datasets = list(pool.map(write, range(8)))
    assert len({dataset.directory for dataset in datasets}) == 1 == len(folders(tmp_path))
    for dataset in datasets:
        assert dataset.split("train").num_tokens == len(text)


def test_what_nobody_came_back_to_is_removed_a_week_later(corpus, tmp_path):
    old, new = tmp_path / f"{WORK_PREFIX}old", tmp_path / f"{WORK_PREFIX}new"
    of_others = tmp_path / ".tiny-byte-0123.old"
    for folder in (old, new, of_others):
        folder.mkdir()
        (folder / "train-00000.bin").write_bytes(b"half")
    last_week = time.time() - 8 * 24 * 3600
    for folder in (old, of_others):
        os.utime(folder, (last_week, last_week))
    prepare(corpus, ByteTokenizer(), tmp_path)
    assert not old.exists() and new.exists() and of_others.exists()


def test_the_environment_can_name_the_cache(corpus, tmp_path, monkeypatch):
    monkeypatch.setenv("LM_ZOO_CACHE", str(tmp_path / "mine"))
    assert prepare(corpus, ByteTokenizer()).directory.parent == tmp_path / "mine"


def test_a_split_can_be_made_of_arrays():
    split = TokenSplit("train", (np.arange(5), np.arange(5, 7)))
    assert split.num_tokens == 7 and split.read(3, 6).tolist() == [3, 4, 5]


def test_a_lack_of_files_is_no_damage(corpus, tmp_path):
    tokenizer = ByteTokenizer()
    directory = prepare(corpus, tokenizer, tmp_path).directory
    with without_descriptors(), pytest.raises(OSError) as caught:
        open_tokens(directory, tokenizer)
    assert caught.value.errno == errno.EMFILE


def test_what_no_cache_has_is_not_to_be_deleted(corpus, tmp_path):
    tokenizer = ByteTokenizer()
    copy_splits(
        prepare(corpus, tokenizer, tmp_path / "cache"), ("validation",), tmp_path / "held_out"
    )
    next((tmp_path / "held_out").glob("*.bin")).unlink()
    with pytest.raises(UserError, match="is missing; restore it.$"):
        open_tokens(tmp_path / "held_out", tokenizer, remedy="restore it")
