"""How many tokens the texts of a request have, and how many they may have."""

import typing

import numpy as np

from lm_zoo.serving.http.request_error import RequestError


class TextField(typing.NamedTuple):
    """A field of the model's task, as its texts are read.

    Attributes:
        tokenizer: Its `Tokenizer`.
        max_length: Most tokens of a text that the model reads whole; None for any number.
    """

    tokenizer: object
    max_length: int | None = None


def text_lengths(signature, call, model, most):
    """Returns the tokens of each row's texts, int `(rows,)`, their ends included.

    Args:
        signature: The `Signature` that is called.
        call: The `Call`.
        model: The `ServedModel`, as whose signatures special tokens are read.
        most: Most tokens of a text; the model's own limit counts too.

    Raises:
        RequestError: If a text is too long.
    """
    total = np.zeros(call.rows, np.int64)
    for name, each in signature.inputs.items():
        if not each.field:
            continue
        tokenizer, own = model.fields[each.field]
        longest = min(most, own) if own and not each.windowed else most
        counted = ", including the end token" if each.ends else ""
        for row, text in enumerate(call.inputs[name]):
            text = text.decode("utf-8")
            token_ids = tokenizer.encode(text, model.special_tokens_of_signatures)
            require_length(name, len(token_ids) + each.ends, longest, counted)
            total[row] += len(token_ids) + each.ends
    return total


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
