"""Blocks are worked once, in any number of processes; what goes wrong there is told here."""

import os
import signal

import pytest

from lm_zoo.data.blocks import Block, cut_blocks, process_blocks
from lm_zoo.errors import UserError
from tests.data.small_corpora import corpus_of


class Reversing:
    """Work that can be seen: the text backwards; some words do harm."""

    def __call__(self, block):
        text = "".join(block.texts)
        if text == "mistake":
            raise UserError("text: expected sense, received a mistake.")
        if text == "bug":
            return 1 / 0
        if text == "disk":
            raise OSError(28, "No space left on device", "/somewhere")
        if text == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        return {"txt": text[::-1].encode()}, {"pid": os.getpid()}


def blocks_of(*texts):
    return [Block("train", number, [text]) for number, text in enumerate(texts)]


def run(tmp_path, *texts, processes=2, on_progress=None):
    return process_blocks(
        iter(blocks_of(*texts)), Reversing(), tmp_path, processes, on_progress, pool_from=1
    )


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_results_are_in_order_and_on_the_disk(processes, tmp_path):
    texts, seen = [f"text {number}" for number in range(9)], []
    results = run(tmp_path, *texts, processes=processes, on_progress=seen.append)
    assert [result.files["txt"].read_text()[::-1] for result in results] == texts
    assert [result.number for result in results] == list(range(9))
    assert seen == list(range(6, 55, 6))
    here = {result.record["pid"] for result in results} == {os.getpid()}
    assert here == (processes == 1)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_little_to_do_starts_no_processes(tmp_path):
    results = process_blocks(iter(blocks_of("a", "b", "c")), Reversing(), tmp_path, 3)
    assert {result.record["pid"] for result in results} == {os.getpid()}
    assert process_blocks(iter([]), Reversing(), tmp_path, 3) == []


def test_a_block_that_is_whole_is_not_worked_again(tmp_path):
    run(tmp_path, "one", "two", "three", processes=1)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    (tmp_path / "train-000001.txt").write_bytes(b"owx")
    (tmp_path / "train-000002.json").unlink()
    results = run(tmp_path, "one", "two", "three")
    assert [result.files["txt"].read_bytes() for result in results] == [b"eno", b"owt", b"eerht"]
    changed = {p.stem for p in tmp_path.iterdir() if p.stat().st_mtime_ns != times[p]}
    assert changed == {"train-000001", "train-000002"}


@pytest.mark.parametrize(
    "text, error, message",
    [
        ("mistake", UserError, "^text: expected sense, received a mistake.$"),
        ("disk", OSError, "No space left on device: '/somewhere'"),
        ("killed", UserError, "^runtime.data_processes: one of 2 processes ended by signal 9, as "),
        (
            "bug",
            RuntimeError,
            "in a data process:\n(.*\n)+.*return 1 / 0\n(.*\n)*ZeroDivisionError",
        ),
    ],
)
def test_what_goes_wrong_in_a_process_is_told_here(text, error, message, tmp_path):
    with pytest.raises(error, match=message):
        run(tmp_path, "fine", text, *["also fine"] * 5)


@pytest.mark.parametrize("kind", ["documents", "stream"])
@pytest.mark.parametrize("size", [1, 100, 1 << 22])
def test_blocks_hold_all_the_text_in_order(kind, size, tmp_path):
    corpus = corpus_of(kind, 50)
    blocks = list(cut_blocks(corpus, size=size))
    for split in ("train", "validation", "test"):
        mine = [block for block in blocks if block.split == split]
        assert [block.number for block in mine] == list(range(len(mine)))
        assert all(block.num_characters >= size for block in mine[:-1])
        texts = [text for block in mine for text in block.texts]
        if kind == "documents":
            assert texts == corpus.splits[split]
        else:
            assert "".join(texts) == "".join(corpus.splits[split])
            assert all(text.startswith("\n") for text in texts[1:])
