"""Times the plan of packed windows and its memory, for a generated number of documents.

    python tools/measure_packing.py [DOCUMENTS [WINDOW ...]]

Lengths are drawn from a log-normal distribution (median 245 tokens, a long tail), as those of web
pages are.
"""

import resource
import sys
import time

import numpy as np

from lm_zoo.data.batching.packing import pack_documents


def main():
    count, *windows = (int(argument) for argument in sys.argv[1:] or ["10000000"])
    lengths = np.random.default_rng(0).lognormal(5.5, 1.2, count).clip(1, 50_000)
    starts = np.zeros(count + 1, np.int64)
    np.cumsum(lengths.astype(np.int64), out=starts[1:])
    del lengths
    for window in windows or (1024, 4096, 256):
        began, before = time.monotonic(), peak()
        packing = pack_documents(starts, window)
        seconds, more = time.monotonic() - began, peak() - before
        padding = 1 - starts[-1] / (packing.num_windows * window)
        print(
            f"{count:,} documents, windows of {window}: {len(packing.starts):,} pieces in "
            f"{packing.num_windows:,} windows, {padding:.4%} padding, {seconds:.1f} s, peak memory "
            f"{more:,.0f} MB above what was used before"
        )


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
