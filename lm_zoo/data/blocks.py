"""A corpus worked block by block, in several processes, each block once even across kills.

    with made_once(directory) as work:                       # lm_zoo.data.cache
        if work is not None:
            results = process_blocks(
                cut_blocks(corpus), TheWork(settings), work / "blocks", processes
            )
            ...                                              # read the files of `results` in order
            publish(work / "whole", directory)

`TheWork` is an instance that can be pickled, of a class in a module that does not import
TensorFlow. `the_work(block)` returns `(outputs, record)`: the bytes of its files by suffix, and
JSON-ready counts. Started again after a kill, blocks whose files are there and whole are skipped.
"""

import dataclasses
import hashlib
import itertools
import json
import os
import pathlib

from lm_zoo.data.cache import write_file
from lm_zoo.data.corpora.corpus import SPLITS
from lm_zoo.data.worker_pool import WorkerPool
from lm_zoo.files import raise_if_of_system, sha256_file
from lm_zoo.files.json_files import (
    MAX_LARGE_BYTES,
    NotJson,
    file_name,
    natural,
    read_json,
    sha256,
)
from lm_zoo.text.cuts import split_text

BLOCK_CHARACTERS = 1 << 22


@dataclasses.dataclass(frozen=True)
class Block:
    """A piece of a split that is worked at once.

    Attributes:
        split: "train", "validation" or "test".
        number: Its place in the split, counted from 0.
        texts: A list of documents; or of consecutive parts of the stream.
    """

    split: str
    number: int
    texts: list

    @property
    def num_characters(self):
        return sum(map(len, self.texts))


@dataclasses.dataclass(frozen=True)
class BlockResult:
    """What was made of a block.

    Attributes:
        split: The block's.
        number: The block's.
        files: Suffix -> path.
        record: What `work` returned beside them.
    """

    split: str
    number: int
    files: dict
    record: dict


def results_in(folder, split, number, files, record):
    """Returns the `BlockResult` of a block whose files, suffix -> name, lie in a folder."""
    return BlockResult(split, number, {s: folder / name for s, name in files.items()}, record)


def cut_blocks(corpus, size=BLOCK_CHARACTERS):
    """Yields a corpus as `Block`s of at least `size` characters, each split's last one excepted.

    A block is larger by less than its last document, or by a stretch of a stream that cannot be cut
    (`lm_zoo.text.cuts`).
    """
    for split in SPLITS:
        numbers = itertools.count()
        texts, characters = [], 0
        for text in corpus.texts(split):
            for piece in [text] if corpus.has_documents else split_text(text, size):
                texts.append(piece)
                characters += len(piece)
                if characters >= size:
                    yield Block(split, next(numbers), texts)
                    texts, characters = [], 0
        if texts:
            yield Block(split, next(numbers), texts)


def process_blocks(
    blocks, work, directory, processes=0, on_progress=None, pool_from=BLOCK_CHARACTERS, durable=True
):
    """Works every block once and keeps what came of it in a folder.

    Args:
        blocks: Iterator of `Block`; it is read here, by one process, as fast as blocks are worked.
        work: Called with a block in a worker process (in this one, if there is little to do or
            `processes` is 1); returns `(outputs, record)`.
        directory: Of the files `<split>-<number>.<suffix>`; made if it is missing.
        processes: How many; 0 means one a core.
        on_progress: Called with the number of characters done so far, skipped ones included.
        pool_from: Characters to do from which starting processes is worth their start.
        durable: Whether the files must outlast a power cut. If not, what one spoilt is noticed by
            its checksum when the same command goes on, and made again.

    Returns:
        A list of `BlockResult` in the order of the blocks.

    Raises:
        UserError: What `work` raised; or a process was killed.
        OSError: If the folder cannot be written, a full disk included; `made_once` makes one line
            of it. In each case the blocks that are done stay done.
    """
    directory = pathlib.Path(directory)
    processes = processes or available_cores()
    results, sizes, done = {}, {}, 0

    def finish(key, result):
        nonlocal done
        results[key] = results_in(directory, *key, result["files"], result["record"])
        done += sizes[key]
        if on_progress:
            on_progress(done)

    def waiting():
        for block in blocks:
            key = (block.split, block.number)
            sizes[key] = block.num_characters
            result = _finished(directory, block)
            if result is None:
                yield key, block
            else:
                finish(key, result)

    directory.mkdir(parents=True, exist_ok=True)
    worker = _Worker(work, directory, durable)
    jobs = waiting()
    first = _first_jobs(jobs, sizes, pool_from)
    if processes == 1 or len(first) == 1 or sum(sizes[k] for k, _ in first) < pool_from:
        for key, block in itertools.chain(_emptied(first), jobs):
            finish(key, worker(block))
    else:
        with WorkerPool(worker, processes) as pool:
            for key, result in pool.run(itertools.chain(_emptied(first), jobs)):
                finish(key, result)
    return [results[key] for key in sizes]


def available_cores():
    """Returns how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Worker:
    """Works a block and writes its files, its record last: that makes them whole."""

    def __init__(self, work, directory, durable):
        self.work = work
        self.directory = directory
        self.durable = durable

    def __call__(self, block):
        outputs, record = self.work(block)
        names, digests = {}, {}
        for suffix, data in outputs.items():
            names[suffix] = f"{_stem(block)}.{suffix}"
            write_file(self.directory / names[suffix], data, self.durable)
            digests[names[suffix]] = hashlib.sha256(data).hexdigest()
        result = {"files": names, "record": record}
        values = {"block": _identity(block), "sha256": digests, "result": result}
        record = json.dumps(values).encode("ascii")
        write_file(self.directory / f"{_stem(block)}.json", record, self.durable)
        return result


def _finished(directory, block):
    """Returns what was made of a block before, if all of it is there and whole; else None."""
    try:
        values = read_json(directory / f"{_stem(block)}.json", _KEPT, MAX_LARGE_BYTES)
        if values["block"] != _identity(block):
            return None
        if any(sha256_file(directory / n) != digest for n, digest in values["sha256"].items()):
            return None
        return values["result"]
    except (OSError, NotJson) as error:
        raise_if_of_system(error)
        return None


_KEPT = {
    "block": [natural],
    "sha256": {file_name: sha256},
    "result": {"files": {str: file_name}, "record": dict},
}


def _identity(block):
    """Tells blocks of other sizes apart; other texts are worked in another folder."""
    return [len(block.texts), block.num_characters]


def _stem(block):
    return f"{block.split}-{block.number:06d}"


def _first_jobs(jobs, sizes, characters):
    """Takes two jobs or more of so many characters together; fewer only if there are no more."""
    taken = []
    for job in jobs:
        taken.append(job)
        characters -= sizes[job[0]]
        if len(taken) > 1 and characters <= 0:
            break
    return taken


def _emptied(jobs):
    """Yields jobs and lets go of each: a block is large."""
    while jobs:
        yield jobs.pop(0)
