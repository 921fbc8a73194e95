"""Ids out of the `tokenizers` library, for `bpe` and `wordpiece`: in batches, at its full speed."""

import itertools

import numpy as np

from lm_zoo.text.cuts import SAFE_CUT, parts
from lm_zoo.text.words import utf8

CHUNK_CHARACTERS = 1 << 16
BATCH_CHARACTERS = 1 << 20  # bounds the memory that the library's results take


def encode_texts(library, texts, safe_cut=SAFE_CUT):
    """Encodes several texts, of any length.

    Args:
        library: A `tokenizers.Tokenizer` whose tokens never cross a safe cut (`lm_zoo.text.cuts`).
        texts: Iterable of strings.
        safe_cut: Where its tokens never cross, a compiled pattern.

    Returns:
        All ids, int32 `(total,)`, and the number of ids of each text, int64 `(texts,)`.
    """
    rows, chunk_counts, chunks, owners = [], [], [], []
    waiting = num_texts = 0

    def work():
        if chunks:
            ids = [e.ids for e in library.encode_batch_fast(chunks, add_special_tokens=False)]
            sizes = [len(row) for row in ids]
            rows.append(np.fromiter(itertools.chain.from_iterable(ids), np.int32, sum(sizes)))
            chunk_counts.extend(sizes)
            chunks.clear()

    for text in texts:
        utf8(text)  # the library would panic on a lone surrogate
        for chunk in parts(text, CHUNK_CHARACTERS, safe_cut):
            chunks.append(chunk)
            owners.append(num_texts)
            waiting += len(chunk)
            if waiting >= BATCH_CHARACTERS:
                work()
                waiting = 0
        num_texts += 1
    work()
    counts = np.zeros(num_texts, np.int64)
    np.add.at(counts, np.array(owners, np.int64), np.array(chunk_counts, np.int64))
    return np.concatenate([np.zeros(0, np.int32), *rows]), counts
