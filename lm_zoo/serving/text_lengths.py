"""How many tokens the texts of a request have, and how many they may have."""

import numpy as np

from lm_zoo.serving.input_shapes import ROWS
from lm_zoo.serving.request_error import RequestError


class TextLengths:
    """Counts the tokens of the texts that a signature is called with.

    Args:
        model: A `ServedModel`.
        limits: `ServingLimits`.
    """

    def __init__(self, model, limits):
        self._tokenizer = model.tokenizer
        self._source_tokenizer = model.source_tokenizer
        self._special_tokens = model.special_tokens_of_signatures  # they are counted as read
        self._reads_source = model.reads_source
        self._most = limits.max_prompt_tokens
        longest_source = model.card["fields"].get("source", {}).get("max_length")
        self._most_source = min(self._most, longest_source or self._most)

    def of(self, signature, call):
        """Returns the tokens of each row's texts, int `(rows,)`; those of a source with its end.

        Args:
            signature: Name of a signature.
            call: A `Call` of it.

        Raises:
            RequestError: If a text is too long.
        """
        total = np.zeros(call.rows, np.int64)
        for name in ROWS:
            if name in call.inputs:
                total += self._lengths(signature, name, call.inputs[name])
        return total

    def _lengths(self, signature, name, texts):
        is_source = self._reads_source and (name == "source" or signature in ("translate", "embed"))
        tokenizer = self._source_tokenizer if is_source else self._tokenizer
        most = self._most_source if is_source else self._most
        ends = 1 if self._reads_source else 0
        counted = ", its end included" if ends else ""
        lengths = []
        for text in texts:
            token_ids = tokenizer.encode(text.decode("utf-8"), self._special_tokens)
            lengths.append(len(token_ids) + ends)
            require_length(name, lengths[-1], most, counted)
        return lengths


def require_length(name, length, most, counted=""):
    """Refuses a text of too many tokens.

    Args:
        name: Of the input.
        length: Its tokens.
        most: How many it may have.
        counted: What else was counted, for the message.
    """
    if length > most:
        raise RequestError(
            f"{name}: expected at most {most:,} tokens{counted}, received {length:,}; shorten it.",
            param=name,
            code="context_length_exceeded",
        )
