"""Where in a text its tokens end, also where decoding them does not give the text back."""

import codecs

import numpy as np

from lm_zoo.text.lost_text import CONTEXT
from lm_zoo.text.tokenizers.tokenizer import CONTROL


def token_ends(tokenizer, text, token_ids, special_tokens=CONTROL):
    """Returns how many characters of a text are read after each of its tokens.

    Characters without a token, such as spaces that a tokenizer drops, belong to the token after
    them.

    Args:
        tokenizer: A `Tokenizer`.
        text: A string.
        token_ids: Its tokens; start tokens, which have no text, may come first.
        special_tokens: `control` or `text`, as it was given to `Tokenizer.encode`.

    Returns:
        A non-decreasing list of whole numbers.
    """
    pieces = decoded_pieces(tokenizer, token_ids)
    if "".join(pieces) == text:
        return np.cumsum([len(piece) for piece in pieces], dtype=int).tolist()
    ends = tokenizer.token_ends(text, special_tokens)
    num_starts = len(token_ids) - len(ends) if ends is not None else -1
    if num_starts in (0, len(tokenizer.start_ids)):
        return [0] * num_starts + [int(end) for end in ends]
    return _matched(pieces, text)


def decoded_pieces(tokenizer, token_ids):
    """Returns the text that each token adds; a character belongs to the last of its tokens."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    pieces, context = [], []
    for token in token_ids:
        before = tokenizer.decode_bytes(context)
        context = [*context, token]
        pieces.append(decoder.decode(tokenizer.decode_bytes(context)[len(before) :]))
        context = context[-CONTEXT:]
    if pieces:
        pieces[-1] += decoder.decode(b"", final=True)
    return pieces


def _matched(pieces, text):
    """Follows the pieces through a text that they are not quite: by each of their characters."""
    ends, place = [], 0
    for piece in pieces:
        for character in piece:
            if character.isspace():
                place += text[place : place + 1].isspace()
                continue
            while text[place : place + 1].isspace():
                place += 1
            place = min(place + 1, len(text))
        ends.append(place)
    return ends
