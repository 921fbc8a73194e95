"""One token a byte of the text's UTF-8: 256 ids, nothing to train, nothing unknown."""

from collections.abc import Iterable

import numpy as np

from lm_zoo.errors import UserError
from lm_zoo.text.special_tokens import CONTROL
from lm_zoo.text.tokenizers.tokenizer import Tokenizer
from lm_zoo.text.words import utf8
from lm_zoo.types import Array


class ByteTokenizer(Tokenizer):
    """The id of a byte is its value."""

    name = "byte"
    vocab_size = 256

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int = 0, min_count: int = 1) -> "Tokenizer":
        """Returns the one byte tokenizer there is; the texts are not looked at."""
        if vocab_size and vocab_size < cls.vocab_size:
            raise UserError(
                f"tokenizer.vocab_size: expected 0 or at least 256 for byte, received {vocab_size}."
            )
        return cls()

    def encode(self, text: str, special_tokens: str = CONTROL) -> Array:
        return np.frombuffer(utf8(text), np.uint8).astype(np.int32)

    def decode_bytes(self, token_ids: Iterable[int]) -> bytes:
        return self._checked(token_ids).astype(np.uint8).tobytes()
