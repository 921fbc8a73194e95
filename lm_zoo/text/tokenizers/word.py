"""One token a word, `<unk>` for rare ones and one `<eos>` a line, as PTB and WikiText count."""

import collections
import re
import typing
from collections.abc import Iterable
from typing import Any

import numpy as np

from lm_zoo.errors import UserError
from lm_zoo.text.special_tokens import CONTROL, TEXT
from lm_zoo.text.tokenizers.tokenizer import Tokenizer, as_texts
from lm_zoo.text.words import split_words, utf8
from lm_zoo.types import Array

UNK, EOS = "<unk>", "<eos>"
WORD_OR_NEWLINE = r"\n|[^ \t\n\r\v\f]+"
LINE_END = b"\xff"  # the word that stands for a newline: in no UTF-8
AROUND_NEWLINE = " ?\n ?"  # the spaces that joining puts around a newline, taken away again


class IdOf(dict):
    """Word -> id, and the id of `<unk>`, which is 0, for any other word: the fastest way to ask."""

    def __missing__(self, word):
        return 0


def frequent_words(counts, vocab_size, min_count):
    """Chooses a vocabulary's words, the most frequent first; ties go in code point order.

    Args:
        counts: Word (all bytes or all strings) -> how often it occurs.
        vocab_size: Largest vocabulary, `<unk>` and `<eos>` included; 0 means no limit.
        min_count: Rarer words are left out.
    """
    if vocab_size and vocab_size < 3:
        raise UserError(
            f"tokenizer.vocab_size: expected at least 3 (<unk>, <eos> and a word), received "
            f"{vocab_size}."
        )
    words = [word for word, count in counts.items() if count >= min_count]
    if not words:
        raise UserError(
            f"tokenizer: no word occurs {min_count} times; give text to train on, or a lower "
            "tokenizer.min_count."
        )
    words.sort(key=lambda word: (-counts[word], word))
    return words[: vocab_size - 2] if vocab_size else words


class WordTokenizer(Tokenizer):
    """Words between ASCII white space (`lm_zoo.text.words`); every newline becomes `<eos>`.

    `<unk>` is id 0, `<eos>` id 1, then the words by frequency. A word `<unk>` or `<eos>` written
    out in the text is that token. A last line without a newline gets no `<eos>`, so that a prompt
    can end in the middle of a line.

    Decoding puts one space between words and a newline for `<eos>`: it gives back the words and the
    lines, not the kind or number of spaces.

    Args:
        words: The vocabulary without `<unk>` and `<eos>`, in the order of their ids.
    """

    CONTENT: typing.ClassVar = {"words": [str]}
    name = "word"
    unk_id = 0
    eos_id = 1

    def __init__(self, words: Any) -> None:
        self.words = [UNK, EOS, *words]
        self.vocab_size = len(self.words)
        self.pieces = [utf8("\n" if word == EOS else word) for word in self.words]
        self._ids = IdOf((utf8(word), i) for i, word in enumerate(self.words))
        wrong = len(self._ids) != self.vocab_size
        if wrong or any(split_words(w) != [w] for w in self._ids):
            raise UserError("tokenizer: expected distinct words without white space.")
        self._ids[LINE_END] = self.eos_id
        special = (utf8(UNK), utf8(EOS))
        self._ids_of_text = IdOf((w, i) for w, i in self._ids.items() if w not in special)

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
            counts.update(split_words(utf8(text)))
        for special in (UNK, EOS):
            counts.pop(special.encode(), None)
        kept = frequent_words(counts, vocab_size, min_count)
        return cls([word.decode("utf-8") for word in kept])

    def content(self) -> Any:
        return {"words": self.words[2:]}

    def encode(self, text: str, special_tokens: str = CONTROL) -> Array:
        words = split_words(utf8(text).replace(b"\n", b" " + LINE_END + b" "))
        ids = self.ids_of(special_tokens)
        return np.fromiter(map(ids.__getitem__, words), np.int32, len(words))

    def token_ends(self, text: str, special_tokens: str = CONTROL) -> Any:
        return [found.end() for found in re.finditer(WORD_OR_NEWLINE, text)]

    def decode_bytes(self, token_ids: Iterable[int]) -> bytes:
        joined = self._joined(self.pieces, token_ids, b" ")
        return re.sub(AROUND_NEWLINE.encode(), b"\n", joined)

    def token_bytes(self, token_id: int) -> bytes:
        return self.pieces[self._checked(token_id)[0]]

    def token_text(self, token_id: int) -> str:
        return self.words[self._checked(token_id)[0]]

    def ids_of(self, special_tokens: str) -> Any:
        """Returns word -> id, with `LINE_END` for a newline; words are bytes."""
        return self._ids_of_text if special_tokens == TEXT else self._ids

    @property
    def special_ids(self) -> Any:
        return [self.unk_id, self.eos_id]
