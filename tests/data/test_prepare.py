"""Preparing at size: what is on disk depends on the text alone, however it came about."""

import contextlib
import hashlib
import pathlib
import random
import subprocess
import sys
import time

import numpy as np
import pytest

from lm_zoo.data.tokens.token_files import copy_splits, open_tokens, prepare
from lm_zoo.errors import UserError
from lm_zoo.text.tokenizers import (
    BytePairTokenizer,
    ByteTokenizer,
    CharacterTokenizer,
    WordTokenizer,
)
from tests.data.small_corpora import (
    DocumentCorpus,
    KillingTokenizer,
    corpus_of,
    random_documents,
)

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENTS = {
    "train": ["one two\nthree", "vier", "五 六"],
    "validation": ["one"],
    "test": [],
}


def contents(directory):
    """File name -> bytes, of a dataset's folder."""
    return {path.name: path.read_bytes() for path in pathlib.Path(directory).iterdir()}


@pytest.mark.parametrize(
    "tokenizer",
    [
        WordTokenizer(["one", "two", "three", "vier"]),
        ByteTokenizer(),
        CharacterTokenizer.train(["one two three vier 五六\n"]),
        BytePairTokenizer.train(["one two\nthree one two"], 260),
    ],
    ids=lambda tokenizer: tokenizer.name,
)
def test_each_document_stands_between_two_ends(tokenizer, tmp_path):
    tokens = prepare(DocumentCorpus(**DOCUMENTS), tokenizer, tmp_path)
    for name, documents in DOCUMENTS.items():
        split, end = tokens.split(name), tokenizer.end_id
        expected, starts = [end] if documents else [], [0]
        for document in documents:
            expected += [*tokenizer.encode(document).tolist(), end]
            starts.append(len(expected) - 1)
        assert split.tokens.tolist() == expected
        assert split.document_starts.tolist() == starts
        assert split.document_starts.dtype == np.int64
        text = "".join(document + "\n" for document in documents)
        assert split.num_bytes == len(text.encode())
        assert split.num_words == len(text.split()) + text.count("\n")
        assert split.text_sha256 == hashlib.sha256(text.encode()).hexdigest()
        unknown = 0 if tokenizer.unk_id is None else expected.count(tokenizer.unk_id)
        assert split.num_unknown == unknown
    assert isinstance(tokens.split("train").document_starts, np.memmap)
    again = prepare(DocumentCorpus(**DOCUMENTS), tokenizer, tmp_path)
    assert again.split("train").document_starts.tolist() == [0, *starts_of(tokens, "train")]


def starts_of(tokens, split):
    return tokens.split(split).document_starts[1:].tolist()


def test_an_end_token_written_in_a_document_is_no_boundary(tmp_path):
    corpus = DocumentCorpus(train=["one <eos> two", "three"])
    tokens = prepare(corpus, WordTokenizer(["one", "two", "three"]), tmp_path)
    assert tokens.split("train").tokens.tolist() == [1, 2, 1, 3, 1, 4, 1]
    assert tokens.split("train").document_starts.tolist() == [0, 4, 6]


def test_a_tokenizer_that_cannot_end_a_document_is_refused(tmp_path):
    corpus = DocumentCorpus(train=["one"])
    with pytest.raises(UserError, match="tokenizer.name: expected .* end .*newline"):
        prepare(corpus, CharacterTokenizer.train(["one"]), tmp_path)


@pytest.mark.parametrize("kind", ["documents", "stream"])
def test_processes_and_blocks_leave_no_trace(kind, tmp_path):
    corpus, tokenizer = corpus_of(kind, 150), BytePairTokenizer.train(["the cat sat again"], 300)
    whole = "\n".join(random_documents(150, seed=1))
    found = []
    for processes, block_characters in [(1, 1 << 22), (1, 1000), (2, 5000), (3, 2000), (1, 1)]:
        cache = tmp_path / f"{processes}-{block_characters}"
        tokens = prepare(
            corpus,
            tokenizer,
            cache,
            shard_tokens=3000,
            processes=processes,
            block_characters=block_characters,
        )
        found.append(contents(tokens.directory))
    assert all(other == found[0] for other in found)
    assert sum(name.startswith("train-0") for name in found[0]) > 2
    if kind == "stream":
        assert tokens.split("train").tokens.tolist() == tokenizer.encode(whole).tolist()


def command(*arguments):
    """Starts `prepare` in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.data.small_corpora", *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finished(process):
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return pathlib.Path(output.strip())


def children_of(process):
    path = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return [int(pid) for pid in path.read_text().split()]


def wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end
        time.sleep(0.002)
    return value


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")")[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def kill_and_go_on(tmp_path, moments):
    """Kills `prepare` whenever so many more blocks are done; returns its dataset in the end."""
    arguments = ("documents", 3000, tmp_path / "killed", 2, 4000)
    blocks = kills = 0
    for more in moments:
        process = command(*arguments)

        def done():
            return len(list((tmp_path / "killed").glob(".lm_zoo-work-*/blocks-*/*.json")))

        wait_until(lambda: done() >= blocks + more or process.poll() is not None)
        if process.poll() is not None:  # on a busy machine it may end before it is looked at
            process.communicate()
            break
        workers = children_of(process)
        process.kill()
        process.communicate()
        if process.returncode == 0:
            break
        kills += 1
        wait_until(lambda: not any(map(alive, workers)), 20)
        assert not list((tmp_path / "killed").glob("small-*"))
        assert done() >= blocks
        blocks = done()
    assert kills >= 2
    return finished(command(*arguments))


def test_killed_and_started_again_it_writes_the_same_bytes(tmp_path):
    undisturbed = finished(command("documents", 3000, tmp_path / "whole", 2, 4000))
    directory = kill_and_go_on(tmp_path, [1, 10, 25])
    assert contents(directory) == contents(undisturbed)
    assert [path.name for path in directory.parent.iterdir()] == [directory.name]


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on(tmp_path):
    started = time.monotonic()
    undisturbed = finished(command("stream", 20_000, tmp_path / "whole", 2, 20_000))
    seconds = time.monotonic() - started
    arguments = ("stream", 20_000, tmp_path / "killed", 2, 20_000)
    rng = random.Random(0)
    for _ in range(12):
        process = command(*arguments)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(rng.uniform(0.3, 1.0) * seconds)
        process.kill()
        process.communicate()
    assert contents(finished(command(*arguments))) == contents(undisturbed)


def test_what_is_done_is_not_done_again(tmp_path):
    """A block's file is read where it is whole, and made again where it is not."""
    corpus, texts = corpus_of("documents", 300), []

    class Watched(ByteTokenizer):
        def encode_parts(self, parts, begins):
            for part, begin in zip(parts, begins, strict=True):
                texts.append(part if begin else texts.pop() + part)
            return super().encode_parts(parts, begins)

    class Interrupted(ByteTokenizer):
        def encode_parts(self, parts, begins):
            if "".join(parts).startswith(corpus.splits["validation"][0]):
                raise KeyboardInterrupt
            return super().encode_parts(parts, begins)

    with pytest.raises(KeyboardInterrupt):
        prepare(corpus, Interrupted(), tmp_path / "a", block_characters=2000)
    (work,) = (tmp_path / "a").iterdir()
    assert work.name.startswith(".lm_zoo-work-")
    damaged = sorted(work.glob("blocks-*/*.tokens"))[3]
    damaged.write_bytes(damaged.read_bytes()[:-1])
    said = []
    again = prepare(corpus, Watched(), tmp_path / "a", block_characters=2000, on_line=said.append)
    assert len(said) == 1 and "Resuming earlier work" in said[0]
    held_out = corpus.splits["validation"] + corpus.splits["test"]
    assert held_out == texts[-len(held_out) :]
    assert 0 < len(texts) - len(held_out) < 100 < len(corpus.splits["train"])
    undisturbed = prepare(corpus, ByteTokenizer(), tmp_path / "b")
    assert contents(again.directory) == contents(undisturbed.directory)
    assert [path.name for path in (tmp_path / "a").iterdir()] == [again.directory.name]


def test_a_killed_worker_is_said_in_one_line(tmp_path):
    corpus = corpus_of("documents", 100)
    with pytest.raises(UserError, match="runtime.data_processes: .*signal 9.*fewer proc") as caught:
        prepare(corpus, KillingTokenizer(), tmp_path, processes=2, block_characters=2000)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []  # nothing was done, so there is nothing to go on with


def test_two_at_a_time_do_the_work_once(tmp_path):
    processes = [command("documents", 1000, tmp_path, 2, 20_000) for _ in range(3)]
    assert len({finished(process) for process in processes}) == 1
    assert len(list(tmp_path.iterdir())) == 1


def test_a_script_without_a_guard_is_not_run_again_by_workers(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from tests.data.small_corpora import main
print("ran")
main("documents", 1000, {str(tmp_path / "cache")!r}, 2, 20_000)
"""
    )
    output = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=True, timeout=120
    ).stdout
    assert output.count("ran") == 1


def test_damaged_documents_are_an_error(tmp_path):
    tokenizer = ByteTokenizer()
    directory = prepare(DocumentCorpus(**DOCUMENTS), tokenizer, tmp_path).directory
    path = directory / "train-documents.bin"
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(UserError, match="train-documents.bin is truncated .24 bytes, expected 32"):
        open_tokens(directory, tokenizer)


def test_some_splits_are_copied_as_they_are(tmp_path):
    tokens = prepare(corpus_of("documents", 20), ByteTokenizer(), tmp_path / "cache")
    copy_splits(tokens, ("validation", "test"), tmp_path / "held_out")
    copied = open_tokens(tmp_path / "held_out", ByteTokenizer())
    assert sorted(copied.splits) == ["test", "validation"]
    for name, split in copied.splits.items():
        assert split.tokens.tolist() == tokens.split(name).tokens.tolist()
        assert split.document_starts.tolist() == tokens.split(name).document_starts.tolist()
    assert not any(name.startswith("train") for name in contents(copied.directory))


def test_reading_from_many_shards_takes_few_looks(tmp_path):
    """A window is found by bisection: the shards before it are not touched."""
    corpus = corpus_of("documents", 400)
    tokens = prepare(corpus, ByteTokenizer(), tmp_path, shard_tokens=64).split("train")
    whole = np.concatenate(tokens.shards).astype(np.int32)
    assert len(tokens.shards) > 500

    class Untouchable:
        def __len__(self):
            return 64

        def __getitem__(self, key):
            raise AssertionError("read")

    shards = [Untouchable()] * (len(tokens.shards) - 1) + [tokens.shards[-1]]
    split = type(tokens)("train", tuple(shards))
    last = 64 * (len(shards) - 1)
    assert split.read(last, last + 5).tolist() == whole[last : last + 5].tolist()
    for start in (-3, 0, 63, 64, 1000, len(whole) - 2, len(whole), len(whole) + 9):
        expected = whole[max(0, start) : start + 150].tolist()
        assert tokens.read(start, start + 150).tolist() == expected
