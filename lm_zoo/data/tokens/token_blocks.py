"""From a block of text to token ids and counts: what each process does, and what the reader."""

import hashlib

import numpy as np

from lm_zoo.data.corpora.corpus import SPLITS
from lm_zoo.text.lost_text import encode_measured
from lm_zoo.text.words import count_words, utf8


class EncodeBlock:
    """Tokenizes one `Block`; sent to each worker process once.

    Args:
        tokenizer: A `Tokenizer`.
        has_documents: Whether the block's texts are documents, each to be ended by `end_id`, or
            parts of a stream.
    """

    def __init__(self, tokenizer, has_documents):
        self.tokenizer = tokenizer
        self.has_documents = has_documents

    def __call__(self, block):
        """Returns the block's files and counts.

        `tokens` holds the ids, each document's ended by the end token; `lengths` the documents'
        numbers of tokens with their end token, int64.
        """
        tokenizer, outputs = self.tokenizer, {}
        text = block_text(block, self.has_documents)
        texts = block.texts if self.has_documents else [text]
        begun = block.number > 0 and not self.has_documents
        token_ids, lengths, lost = encode_measured(tokenizer, texts, begun)
        unknown = _count(token_ids, tokenizer.unk_id)
        if self.has_documents:
            token_ids = np.insert(token_ids, np.cumsum(lengths), tokenizer.end_id)
            outputs["lengths"] = (lengths + 1).astype("<i8").tobytes()
        data = utf8(text)
        outputs["tokens"] = token_ids.astype(token_dtype(tokenizer.vocab_size)).tobytes()
        record = {
            "tokens": len(token_ids),
            "characters": len(text),
            "bytes": len(data),
            "words": count_words(data),
            "unknown": unknown,
            "bytes_lost": lost.bytes,
            "words_lost": lost.words,
        }
        return outputs, record

    def __getstate__(self):
        """The tokenizer travels as what it is saved as: its libraries' objects cannot."""
        tokenizer = self.tokenizer
        return type(tokenizer), tokenizer.content(), tokenizer.eos_in_text, self.has_documents

    def __setstate__(self, state):
        kind, content, eos_in_text, self.has_documents = state
        self.tokenizer = kind.from_content(content)
        self.tokenizer.eos_in_text = eos_in_text


class TextDigests:
    """SHA-256 of each split's text, and its size, computed while its blocks pass by.

    Args:
        has_documents: Whether a newline follows each text.
    """

    def __init__(self, has_documents):
        self.has_documents = has_documents
        self._digests = {split: hashlib.sha256() for split in SPLITS}
        self._characters = 0
        self._bytes = 0

    def watch(self, blocks):
        """Yields the blocks, each when its text has been counted in."""
        for block in blocks:
            data = utf8(block_text(block, self.has_documents))
            self._digests[block.split].update(data)
            self._bytes += len(data)
            self._characters += block.num_characters
            del data
            yield block

    def hexdigest(self, split):
        """Returns the SHA-256, in hex, of the split's text so far."""
        return self._digests[split].hexdigest()

    def bytes_of(self, characters):
        """Returns about how many bytes so many characters are."""
        return round(characters * self._bytes / max(1, self._characters))


def block_text(block, has_documents):
    """Returns a block's text, each document followed by a newline."""
    end = "\n" if has_documents else ""
    return end.join(block.texts) + end


def token_dtype(vocab_size):
    """Returns the numpy dtype of token ids on disk."""
    return np.dtype("<u2" if vocab_size <= 1 << 16 else "<i4")


def _count(token_ids, token_id):
    return 0 if token_id is None else int(np.count_nonzero(token_ids == token_id))
