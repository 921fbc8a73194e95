"""One token a byte of the text's UTF-8: 256 ids, nothing to train, nothing unknown."""

import numpy as np

from lm_zoo.errors import UserError
from lm_zoo.text.special_tokens import CONTROL
from lm_zoo.text.tokenizers.tokenizer import Tokenizer
from lm_zoo.text.words import utf8


class ByteTokenizer(Tokenizer):
    """The id of a byte is its value."""

    name = "byte"
    vocab_size = 256

    @classmethod
    def train(cls, texts, vocab_size=0, min_count=1):
        """Returns the one byte tokenizer there is; the texts are not looked at."""
        if vocab_size and vocab_size < cls.vocab_size:
            raise UserError(
                f"tokenizer.vocab_size: expected 0 or at least 256 for byte, received {vocab_size}."
            )
        return cls()

    def encode(self, text, special_tokens=CONTROL):
        return np.frombuffer(utf8(text), np.uint8).astype(np.int32)

    def decode_bytes(self, token_ids):
        return self._checked(token_ids).astype(np.uint8).tobytes()
