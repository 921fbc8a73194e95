"""Chinese words by the most probable path through jieba's dictionary."""

import collections
import functools
import hashlib
import importlib.util
import pathlib
import typing
from collections.abc import Iterable
from typing import Any

import numpy as np

from lm_zoo.errors import UserError
from lm_zoo.files.json_files import sha256
from lm_zoo.text.special_tokens import CONTROL
from lm_zoo.text.tokenizers.tokenizer import Tokenizer, as_texts
from lm_zoo.text.tokenizers.word import EOS, UNK, IdOf, frequent_words
from lm_zoo.text.words import utf8
from lm_zoo.types import Array

UNKNOWN_TEXT = "\ufffd"  # how an unknown word is written when ids become text


class ChineseWordTokenizer(Tokenizer):
    """Chinese words, by jieba's dictionary; no spaces are needed between them, and none are put.

    Text is cut by the most probable path through the dictionary, as jieba does without its hidden
    Markov model. The dictionary's characters are simplified mostly; what is not in it becomes
    single characters. Latin letters and digits stay together as words, and any other character,
    spaces too, is a word of its own. Every newline becomes `<eos>`. `<unk>` is id 0, `<eos>` id 1,
    then the words by frequency. Decoding puts nothing between words: it gives the text back, but
    for unknown words, which become U+FFFD.

    The cutting is done by rjieba, which gives what jieba gives ten times as fast, with the
    dictionary of the jieba package; a tokenizer remembers which dictionary it was trained with.

    Args:
        words: The vocabulary without `<unk>` and `<eos>`, in the order of their ids.
        dictionary: SHA-256, in hex, of the dictionary; default is the installed one's.
    """

    CONTENT: typing.ClassVar = {"words": [str], "dictionary": sha256}
    name = "chinese_word"
    unk_id = 0
    eos_id = 1

    def __init__(self, words: Any, dictionary: Any = None) -> None:
        self.words = [UNK, EOS, *words]
        self.dictionary = dictionary or installed_dictionary().sha256
        self.vocab_size = len(self.words)
        self.pieces = [utf8(word) for word in (UNKNOWN_TEXT, "\n", *words)]
        self._ids = IdOf((word, i) for i, word in enumerate(("", "\n", *words)))
        if len(self._ids) != self.vocab_size:
            raise UserError("tokenizer: expected distinct words, none of them empty or a newline.")

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int = 0, min_count: int = 1) -> "Tokenizer":
        """Counts words and keeps the most frequent; ties go in code point order.

        Args:
            texts: Iterable of strings.
            vocab_size: Largest vocabulary, `<unk>` and `<eos>` included; 0 means no limit.
            min_count: Rarer words become `<unk>`.
        """
        counts = collections.Counter()
        for text in as_texts(texts):
            counts.update(installed_dictionary().cut(text))
        counts.pop("\n", None)
        return cls(frequent_words(counts, vocab_size, min_count))

    def content(self) -> Any:
        return {"words": self.words[2:], "dictionary": self.dictionary}

    def checked_dictionary(self) -> Any:
        """Returns the `Dictionary` that words are cut by.

        Raises:
            UserError: If it is not the one that the tokenizer was trained with.
        """
        dictionary = installed_dictionary()
        if dictionary.sha256 != self.dictionary:
            raise UserError(
                "tokenizer: it was trained with a different dictionary than the installed jieba "
                f"has (SHA-256 {self.dictionary[:12]}..., here {dictionary.sha256[:12]}...); "
                "install the jieba version that it was trained with, or train it again."
            )
        return dictionary

    def encode(self, text: str, special_tokens: str = CONTROL) -> Array:
        words = self.checked_dictionary().cut(text)
        return np.fromiter(map(self._ids.__getitem__, words), np.int32, len(words))

    def token_ends(self, text: str, special_tokens: str = CONTROL) -> Any:
        return np.cumsum([len(word) for word in self.checked_dictionary().cut(text)], dtype=int)

    def decode_bytes(self, token_ids: Iterable[int]) -> bytes:
        return self._joined(self.pieces, token_ids)

    def token_text(self, token_id: int) -> str:
        return UNK if token_id == self.unk_id else super().token_text(token_id)


class Dictionary:
    """jieba's dictionary: words and how often they were seen.

    Attributes:
        frequencies: Word -> frequency, above 0.
        sha256: SHA-256, in hex, of the file.
    """

    def __init__(self, data):
        self.sha256 = hashlib.sha256(data).hexdigest()
        rows = (line.split() for line in data.decode("utf-8").split("\n"))
        self.frequencies = {row[0]: int(row[1]) for row in rows if row}
        self.frequencies = {word: n for word, n in self.frequencies.items() if n > 0}

    @functools.cached_property
    def _cutter(self):
        cutter = _required("rjieba").Jieba.empty()
        for word, frequency in self.frequencies.items():
            cutter.add_word(word, frequency, "")
        return cutter

    def cut(self, text):
        """Returns the words of a text, every newline for itself; together they are the text."""
        utf8(text)  # says where a lone surrogate is
        words = self._cutter.cut(text, False)
        if "\r\n" not in text:
            return words
        return [part for word in words for part in ("\r\n" if word == "\r\n" else (word,))]


@functools.cache
def installed_dictionary():
    """Returns the `Dictionary` of the installed jieba. Nothing of jieba's is run.

    Raises:
        UserError: If jieba or rjieba is not installed.
    """
    _required("rjieba")
    found = importlib.util.find_spec("jieba")
    if found is None:
        raise _missing("jieba")
    return Dictionary(pathlib.Path(found.origin).with_name("dict.txt").read_bytes())


def _required(name):
    try:
        return importlib.import_module(name)
    except ImportError:
        raise _missing(name) from None


def _missing(name):
    return UserError(
        f"tokenizer.name: chinese_word needs the package {name}, which is not installed; install "
        f'it with `pip install "lm_zoo[chinese]"`.'
    )
