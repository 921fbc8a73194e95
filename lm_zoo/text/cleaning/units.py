"""The words that filters count and the n-grams that documents are compared by, in any script."""

import functools
import hashlib
import re

import numpy as np

# Scripts written without spaces between words: Thai, Lao, Burmese, Khmer, kana and Han. Each of
# their characters is taken for a word, which needs no dictionary.
UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_WORD = re.compile(rf"[{UNSPACED}][^\s\w{UNSPACED}]*|[^\s{UNSPACED}]+")
_TERM = re.compile(rf"[{UNSPACED}]|[^\W_{UNSPACED}]+")
_ASCII_TERM = re.compile("[a-z0-9]+")
_UNSPACED = re.compile(rf"[{UNSPACED}]")

MAX_REMEMBERED_TERMS = 1 << 20  # terms: some 150 MB in each process at most
_MASK = (1 << 64) - 1


def words(text):
    """Splits a text into words, punctuation included, as filters count them."""
    if text.isascii() or not _UNSPACED.search(text):
        return text.split()
    return _WORD.findall(text)


def terms(text):
    """Splits a text into its words for comparing: case, punctuation and spacing do not count."""
    if text.isascii():  # half of the time
        return _ASCII_TERM.findall(text.lower())
    return _TERM.findall(text.casefold())


def has_spaces(text):
    """Whether most of a text is in scripts that put spaces between words."""
    return text.isascii() or 2 * len(_UNSPACED.findall(text)) < len(text)


def ngram_hashes(text, length):
    """Hashes every run of `length` terms of a text.

    Args:
        text: The text. One with fewer terms has a single n-gram, all of it; one without any is
            taken as it stands.
        length: Terms in an n-gram.

    Returns:
        An array of uint64, in the order of the text, shape `(num_terms - length + 1,)`.
    """
    found = terms(text) or [text]
    length = min(length, len(found))
    hashes = np.fromiter(map(_hashes.__getitem__, found), np.uint64, len(found))
    count = len(found) - length + 1
    result = np.full(count, _splitmix(length), np.uint64)
    for place in range(length):  # wraps around at 2**64, as it should
        result += hashes[place : place + count] * np.uint64(_splitmix(1000 + place) | 1)
    return mixed(result)


def mixed(values):
    """Returns uint64 values in whose bits every bit of the given ones has a say (splitmix64)."""
    values = values ^ (values >> np.uint64(30))
    values = values * np.uint64(0xBF58476D1CE4E5B9)
    values = values ^ (values >> np.uint64(27))
    values = values * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


@functools.cache
def _splitmix(seed):
    """One number of the splitmix64 sequence, as a Python integer below 2**64."""
    value = (seed + 1) * 0x9E3779B97F4A7C15 & _MASK
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB & _MASK
    return value ^ (value >> 31)


class _TermHashes(dict):
    """Term -> its 64-bit BLAKE2 hash; the same in every process and version."""

    def __missing__(self, term):
        digest = hashlib.blake2b(term.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        value = int.from_bytes(digest, "little")
        if len(self) < MAX_REMEMBERED_TERMS and len(term) < 64:
            self[term] = value
        return value


_hashes = _TermHashes()
