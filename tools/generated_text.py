"""A large text that looks enough like language to measure with: made-up words, one document a line.

    python tools/generated_text.py PATH [--gigabytes=1] [--seed=0]

Words are drawn with Zipf's frequencies from 50,000 made-up ones, the frequent ones short; documents
have a few hundred words (log-normal). The same seed and size give the same bytes. It is written as
it is made, at about 100 MB/s.
"""

import argparse
import string

import numpy as np

VOCABULARY = 50_000
CHUNK_WORDS = 1 << 20
MEDIAN_WORDS = 250  # of a document


def made_up_words(rng):
    """Returns different words as bytes, the most frequent first; the rank decides their length."""
    letters = np.array(list(string.ascii_lowercase))
    weights = 1 / np.arange(1, 27)
    words = {}
    while len(words) < VOCABULARY:
        length = max(1, round(1 + np.log2(2 + len(words)) * rng.uniform(0.25, 0.75)))
        word = "".join(rng.choice(letters, length, p=weights / weights.sum()))
        words.setdefault(word + rng.choice(["", "", "", "", "", "", ",", "."]))
    return [word.encode() for word in words]


def write_text(path, num_bytes, seed=0):
    """Writes `num_bytes` or a little more; returns how many documents they are."""
    rng = np.random.default_rng(seed)
    words = made_up_words(rng)
    table = [word + b" " for word in words] + [word + b"\n" for word in words]
    cumulative = np.cumsum(1 / (np.arange(1, VOCABULARY + 1) + 2.7))
    written = documents = 0
    with open(path, "wb") as file:
        while written < num_bytes:
            uniform = rng.random(CHUNK_WORDS, np.float32) * cumulative[-1]
            ids = np.minimum(np.searchsorted(cumulative, uniform), VOCABULARY - 1)
            lengths = rng.lognormal(np.log(MEDIAN_WORDS), 1.0, CHUNK_WORDS // 100).astype(int) + 1
            ends = np.cumsum(lengths)
            ends = np.append(ends[ends < CHUNK_WORDS], CHUNK_WORDS) - 1
            ids[ends] += VOCABULARY
            written += file.write(b"".join(map(table.__getitem__, ids.tolist())))
            documents += len(ends)
    return documents


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path")
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    documents = write_text(arguments.path, round(arguments.gigabytes * 1e9), arguments.seed)
    print(f"{documents:,} documents in {arguments.path}")
