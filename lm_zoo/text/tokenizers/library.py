"""Ids out of the `tokenizers` library, for `bpe` and `wordpiece`: in batches, at its full speed."""

import functools
import itertools
from collections.abc import Iterable
from typing import Any

import numpy as np

from lm_zoo.text.cuts import SAFE_CUT, parts
from lm_zoo.text.special_tokens import CONTROL, TEXT
from lm_zoo.text.tokenizers.tokenizer import Tokenizer
from lm_zoo.text.words import utf8
from lm_zoo.types import Array

CHUNK_CHARACTERS = 1 << 16
BATCH_CHARACTERS = 1 << 20  # bounds the memory that the library's results take


class LibraryTokenizer(Tokenizer):
    """A tokenizer whose ids the library gives.

    Subclasses write `library`, a function that makes a `tokenizers.Tokenizer` with the special
    tokens that are written out in a text, and `library_of_text`, the same without.

    Attributes:
        safe_cut: Where its tokens never cross (`lm_zoo.text.cuts`), a compiled pattern.
    """

    safe_cut = SAFE_CUT

    @functools.cached_property
    def _library(self):
        return self.library()

    @functools.cached_property
    def _library_of_text(self):
        return self.library_of_text()

    def _library_for(self, special_tokens):
        return self._library_of_text if special_tokens == TEXT else self._library

    def encode(self, text: str, special_tokens: str = CONTROL) -> Array:
        return encode_texts(self._library_for(special_tokens), [text], self.safe_cut)[0]

    def encode_batch(self, texts: Iterable[str]) -> Any:
        return encode_texts(self._library, texts, self.safe_cut)


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
