"""Small corpora for tests, and `prepare` as a command: `python -m tests.data.small_corpora`."""

import hashlib
import os
import random
import signal
import sys

from lm_zoo.data.corpora.corpus import Corpus
from lm_zoo.data.tokens.token_files import prepare
from lm_zoo.text.tokenizers import ByteTokenizer, WordTokenizer

WORDS = "a the cat dog sat on under mat möwe 海 日照香爐 123 , . ! said never again".split()


class DocumentCorpus(Corpus):
    """Documents in memory: split -> list of texts."""

    name, source, licence, has_documents = "small", "a test", "CC0-1.0", True

    def __init__(self, **splits):
        self.splits = {"train": [], "validation": [], "test": [], **splits}

    @property
    def num_bytes(self):
        return sum(len(text.encode()) for texts in self.splits.values() for text in texts)

    @property
    def fingerprint(self):
        return hashlib.sha256(repr(self.splits).encode()).hexdigest()

    def texts(self, split):
        return iter(self.splits[split])


class StreamCorpus(DocumentCorpus):
    """A stream in parts: split -> list of them, each but the first beginning with its newline."""

    has_documents = False


class KillingTokenizer(ByteTokenizer):
    """Ends its process as the system does when memory runs out."""

    def encode(self, text):
        if text != "\n":
            os.kill(os.getpid(), signal.SIGKILL)
        return super().encode(text)


def random_documents(count, seed, longest=60):
    """Returns documents of one to `longest` words, over several lines, from a small vocabulary."""
    rng = random.Random(seed)
    documents = []
    for _ in range(count):
        words = rng.choices(WORDS, k=rng.randint(1, longest))
        documents.append("".join(word + rng.choice("   \n") for word in words).strip())
    return documents


def corpus_of(kind, size):
    """Returns a corpus of `size` documents, or of the stream of their text."""
    documents = random_documents(size, seed=1)
    held_out = {"validation": random_documents(7, seed=2), "test": random_documents(3, seed=3)}
    if kind == "documents":
        return DocumentCorpus(train=documents, **held_out)
    parts = {name: ["\n".join(texts)] for name, texts in held_out.items()}
    return StreamCorpus(train=[documents[0], *("\n" + text for text in documents[1:])], **parts)


def main(kind, size, cache, processes, block_characters):
    tokenizer = WordTokenizer(WORDS[:-2])
    corpus = corpus_of(kind, int(size))
    tokens = prepare(
        corpus,
        tokenizer,
        cache,
        shard_tokens=50_000,
        processes=int(processes),
        block_characters=int(block_characters),
    )
    print(tokens.directory)


if __name__ == "__main__":
    main(*sys.argv[1:])
