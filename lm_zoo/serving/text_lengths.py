"""How many tokens the texts of a request have, and how many they may have."""

import typing

import numpy as np

from lm_zoo.serving.request_error import RequestError


class TextField(typing.NamedTuple):
    """A field of the model's task, as its texts are read.

    Attributes:
        tokenizer: Its `Tokenizer`.
        max_length: Most tokens of a text that the model reads whole; None for any number.
    """

    tokenizer: object
    max_length: int | None = None


class TextLengths:
    """Counts the tokens of the texts that a signature is called with.

    Args:
        model: A `ServedModel`.
        limits: `ServingLimits`.
    """

    def __init__(self, model, limits):
        self._fields = model.fields
        self._special_tokens = model.special_tokens_of_signatures  # they are counted as read
        self._most = limits.max_prompt_tokens

    def of(self, signature, call):
        """Returns the tokens of each row's texts, int `(rows,)`, their ends included.

        Args:
            signature: The `Signature`.
            call: A `Call` of it.

        Raises:
            RequestError: If a text is too long.
        """
        total = np.zeros(call.rows, np.int64)
        for name, each in signature.inputs.items():
            if each.field:
                total += self._lengths(each, self._fields[each.field], call.inputs[name])
        return total

    def _lengths(self, each, field, texts):
        most = self._most
        if field.max_length and not each.windowed:
            most = min(most, field.max_length)
        counted = ", its end included" if each.ends else ""
        lengths = []
        for text in texts:
            token_ids = field.tokenizer.encode(text.decode("utf-8"), self._special_tokens)
            lengths.append(len(token_ids) + each.ends)
            require_length(each.name, lengths[-1], most, counted)
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
