"""Texts in memory as a split of token ids, for measuring what is in no corpus."""

import hashlib

import numpy as np

from lm_zoo.data.blocks import Block
from lm_zoo.data.tokens.token_blocks import EncodeBlock, block_text, token_dtype
from lm_zoo.data.tokens.token_reader import TokenSplit
from lm_zoo.text.words import utf8


def split_of_texts(texts, tokenizer, name):
    """Returns the `TokenSplit` that token files of the same texts have, a document each.

    Args:
        texts: A list of strings.
        tokenizer: A `Tokenizer` with an `end_id`.
        name: What the split is called.
    """
    block = Block(name, 0, list(texts))
    files, record = EncodeBlock(tokenizer, has_documents=True)(block)
    dtype = token_dtype(tokenizer.vocab_size)
    end = np.array([tokenizer.end_id], dtype)
    starts = np.cumsum([0, *np.frombuffer(files["lengths"], "<i8")], dtype=np.int64)
    return TokenSplit.counted(
        name,
        [np.concatenate([end, np.frombuffer(files["tokens"], dtype)])],
        record,
        text_sha256=hashlib.sha256(utf8(block_text(block, has_documents=True))).hexdigest(),
        document_starts=starts,
    )
