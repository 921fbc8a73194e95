"""Measures the memory of `lm-zoo prepare` on a large generated text: all its processes together.

    python tools/measure_prepare_memory.py [--gigabytes=5] [--processes=2] [--folder=FOLDER]
        [--vocab_size=32000]

The text is made by tools/generated_text.py, unless the folder has it already. `lm-zoo prepare` runs
in a fresh process; the memory of it and of its children is read from /proc every tenth of a second:
RSS counts a page once for each process that has it, PSS shares it out, so that the sum is what the
machine gives. The peaks of both sums are printed. The folder needs room for about twice the text.
"""

import argparse
import contextlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from generated_text import write_text

INTERVAL = 0.1
CONFIG = """
from lm_zoo.config import CorpusConfig, DataConfig, ExperimentConfig, TokenizerConfig


def get_config():
    return ExperimentConfig(
        corpus=CorpusConfig(
            "text_files",
            train_files=({text!r},),
            documents="line",
            split_by="document_hash",
            validation_fraction=0.001,
            test_fraction=0.001,
        ),
        data=DataConfig(cache_dir={cache!r}),
        tokenizer=TokenizerConfig("bpe", vocab_size={vocab_size}, training_bytes=1 << 26),
    )
"""


def process_tree(pid):
    """Returns the ids of a process and all below it."""
    found = [pid]
    for process in found:
        with contextlib.suppress(OSError):
            for task in pathlib.Path(f"/proc/{process}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
    return found


def memory(pid):
    """Returns `(RSS, PSS)` of a process in bytes; zeros if it has just ended."""
    sizes = {"Rss": 0, "Pss": 0}
    with contextlib.suppress(OSError):
        for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
            name, size, *_ = line.split()
            if name[:-1] in sizes:
                sizes[name[:-1]] = int(size) * 1024
    return sizes["Rss"], sizes["Pss"]


def watch(process):
    """Returns the peaks of the sums of RSS and PSS, and of one process' RSS, until it ends."""
    peaks = [0, 0, 0]
    while process.poll() is None:
        each = [memory(pid) for pid in process_tree(process.pid)]
        now = [sum(rss for rss, _ in each), sum(pss for _, pss in each), max(each)[0]]
        peaks = list(map(max, peaks, now))
        time.sleep(INTERVAL)
    return peaks


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=5.0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--vocab_size", type=int, default=32_000)
    parser.add_argument("--folder", default="", help="where to work; default: a temporary one")
    arguments = parser.parse_args()
    folder = pathlib.Path(arguments.folder or tempfile.mkdtemp(prefix="lm_zoo-memory-")).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    text, cache = folder / f"generated-{arguments.gigabytes:g}.txt", folder / "cache"
    if not text.exists():
        started = time.monotonic()
        documents = write_text(text, round(arguments.gigabytes * 1e9))
        seconds = time.monotonic() - started
        print(f"{documents:,} documents in {seconds:.0f} s: {text}", flush=True)
    shutil.rmtree(cache, ignore_errors=True)
    config = folder / "config.py"
    config.write_text(
        CONFIG.format(text=str(text), cache=str(cache), vocab_size=arguments.vocab_size)
    )
    command = [sys.executable, "-P", "-m", "lm_zoo", "prepare", f"--config={config}"]
    started = time.monotonic()
    process = subprocess.Popen([*command, f"--processes={arguments.processes}"], env=os.environ)
    rss, pss, largest = watch(process)
    seconds, size = time.monotonic() - started, text.stat().st_size
    print(
        f"{size / 1e9:.2f} GB, {arguments.processes} processes: peak memory of all together "
        f"{pss / 1e6:,.0f} MB (PSS; RSS {rss / 1e6:,.0f} MB, of one process {largest / 1e6:,.0f} "
        f"MB); {seconds:.0f} s, {size / 1e6 / seconds:.1f} MB/s"
    )
    if not arguments.folder:
        shutil.rmtree(folder)
    return process.returncode


if __name__ == "__main__":
    sys.exit(main())
