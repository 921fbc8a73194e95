"""One token a character (Unicode code point), and `<unk>` for those not in the vocabulary."""

import typing
from collections.abc import Iterable
from typing import Any

import numpy as np

from lm_zoo.errors import UserError
from lm_zoo.text.special_tokens import CONTROL
from lm_zoo.text.tokenizers.tokenizer import Tokenizer, as_texts
from lm_zoo.text.words import utf8
from lm_zoo.types import Array

NUM_CODE_POINTS = 0x110000
REPLACEMENT = 0xFFFD  # how an unknown character is written when ids become text


class CharacterTokenizer(Tokenizer):
    """Id 0 is `<unk>`; the characters follow in code point order.

    Decoding gives the text back, but for unknown characters, which become U+FFFD.

    Args:
        characters: The characters of the vocabulary, in any order.
    """

    CONTENT: typing.ClassVar = {"characters": str}
    name = "character"
    unk_id = 0

    def __init__(self, characters: str) -> None:
        code_points = np.unique(_code_points("".join(characters)))
        self.characters = code_points.astype("<u4").tobytes().decode("utf-32-le")
        self.vocab_size = 1 + len(code_points)
        self.code_points = np.concatenate([[REPLACEMENT], code_points]).astype("<u4")  # by id
        self._ids = np.full(NUM_CODE_POINTS, self.unk_id, np.int32)  # by code point
        self._ids[code_points] = 1 + np.arange(len(code_points))

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int = 0, min_count: int = 1) -> "Tokenizer":
        """Takes the characters that occur `min_count` times, the most frequent if there is a limit.

        Args:
            texts: Iterable of strings.
            vocab_size: Largest vocabulary, `<unk>` included; 0 means no limit.
            min_count: Rarer characters become `<unk>`.
        """
        counts = np.zeros(NUM_CODE_POINTS, np.int64)
        for text in as_texts(texts):
            found = np.bincount(_code_points(text))  # as long as the largest code point asks for
            counts[: len(found)] += found
        chosen = np.flatnonzero(counts >= max(1, min_count))
        if vocab_size and len(chosen) > vocab_size - 1:
            if vocab_size < 2:
                raise UserError(
                    f"tokenizer.vocab_size: expected at least 2 (<unk> and a character), received "
                    f"{vocab_size}."
                )
            by_count = np.argsort(-counts[chosen], kind="stable")  # ties by code point
            chosen = chosen[by_count[: vocab_size - 1]]
        if not len(chosen):
            raise UserError(
                f"tokenizer: no character occurs {min_count} times; give text to train on, or a lower "
                "tokenizer.min_count."
            )
        return cls(chosen.astype("<u4").tobytes().decode("utf-32-le"))

    def encode(self, text: str, special_tokens: str = CONTROL) -> Array:
        return self._ids[_code_points(text)]

    def token_ends(self, text: str, special_tokens: str = CONTROL) -> Any:
        return range(1, len(text) + 1)

    def decode_bytes(self, token_ids: Iterable[int]) -> bytes:
        code_points = self.code_points[self._checked(token_ids)]
        return code_points.tobytes().decode("utf-32-le").encode("utf-8")

    def token_text(self, token_id: int) -> str:
        return "<unk>" if token_id == self.unk_id else super().token_text(token_id)


def _code_points(text):
    """Returns the code points of a string as a uint32 array."""
    try:
        return np.frombuffer(text.encode("utf-32-le"), "<u4")
    except UnicodeEncodeError:
        utf8(text)  # says where the lone surrogate is
        raise
