"""Times `prepare` beside Hugging Face `tokenizers` alone, with the same vocabulary, on one core.

    python tools/benchmark_prepare.py [--input=FILE] [--megabytes=40] [--vocab_size=32000]
        [--tokenizer=FOLDER] [--repeats=5]

Ours is the whole way from a file to verified token files on the disk: reading, hashing, counting
words and unknowns, tokenizing, writing, putting together, opening. Theirs is `encode_batch_fast` on
the same documents, a thousand at a time, from memory, and taking the ids. One process and one
thread each; the two take turns, so that a machine whose speed drifts is fair to both. Both the time
on the clock and the processor's are compared, the second being steadier on a busy machine.
"""

import os

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import argparse
import pathlib
import statistics
import tempfile
import time

from generated_text import write_text

from lm_zoo.config import TokenizerConfig
from lm_zoo.data.corpora.text_files import TextFiles
from lm_zoo.data.tokens.token_files import prepare
from lm_zoo.text.tokenizers import train_tokenizer

BATCH_DOCUMENTS = 1000


def documents_of(source, megabytes):
    """Returns the first lines of a text file, without empty ones."""
    data = source.read_bytes()[: int(megabytes * 1e6)]
    return [line for line in data.decode("utf-8", "ignore").split("\n") if line.strip()]


def theirs(library, documents):
    """Encodes as a user of the library would; returns the number of tokens."""
    total = 0
    for first in range(0, len(documents), BATCH_DOCUMENTS):
        batch = documents[first : first + BATCH_DOCUMENTS]
        encodings = library.encode_batch_fast(batch, add_special_tokens=False)
        total += sum(len(encoding.ids) for encoding in encodings)
    return total


def ours(file, tokenizer):
    with tempfile.TemporaryDirectory() as cache:
        files = TextFiles(
            train_files=(str(file),), documents="line", validation_fraction=0.0, test_fraction=0.0
        )
        split = prepare(files.load(cache), tokenizer, cache, processes=1).split("train")
        return split.num_tokens - len(split.document_starts)


def timed(function, *arguments):
    wall, processor = time.perf_counter(), time.process_time()
    tokens = function(*arguments)
    return tokens, time.perf_counter() - wall, time.process_time() - processor


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--input", default="", help="a UTF-8 text; default: a generated one")
    parser.add_argument("--megabytes", type=float, default=40)
    parser.add_argument("--tokenizer", default="", help="GPT-2's files; default: one is trained")
    parser.add_argument("--vocab_size", type=int, default=32_000)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(arguments.input or f"{folder}/generated.txt")
        if not arguments.input:
            write_text(source, int(arguments.megabytes * 1e6))
        documents = documents_of(source, arguments.megabytes)
        file = pathlib.Path(folder) / "documents.txt"
        file.write_text("\n".join(documents) + "\n", encoding="utf-8")
        settings = TokenizerConfig("bpe", arguments.vocab_size, path=arguments.tokenizer)
        tokenizer = train_tokenizer(settings, documents)
        compare(tokenizer, documents, file, arguments.repeats)


def compare(tokenizer, documents, file, repeats):
    size = file.stat().st_size / 1e6
    print(f"{size:.1f} MB, {len(documents):,} documents, vocabulary {tokenizer.vocab_size:,}")
    sides = {
        "tokenizers alone": (theirs, tokenizer._library, documents),
        "lm_zoo prepare": (ours, file, tokenizer),
    }
    times = {name: [] for name in sides}
    for repeat in range(repeats):
        counts = set()
        for name, (function, *rest) in sides.items():
            tokens, wall, processor = timed(function, *rest)
            counts.add(tokens)
            times[name].append((wall, processor))
            print(f"  {name:18} {size / wall:6.2f} MB/s, {size / processor:6.2f} MB/s of processor")
        assert len(counts) == 1, f"the two sides made {counts} tokens"
    for place, what in enumerate(("clock", "processor")):
        medians = {n: statistics.median(t[place] for t in rows) for n, rows in times.items()}
        listed = ", ".join(f"{name} {size / seconds:.2f} MB/s" for name, seconds in medians.items())
        ratios = [a[place] / b[place] for a, b in zip(*times.values())]
        print(f"by the {what}: {listed}; ratio {statistics.median(ratios):.3f}")


if __name__ == "__main__":
    main()
