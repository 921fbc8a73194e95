"""Tokens to text, piece by piece: nothing is given out that a later token could change."""

import codecs
import copy

from lm_zoo.text.lost_text import CONTEXT

MEMORY = 64  # tokens remembered before the oldest are forgotten


class TextStream:
    """Decodes a growing list of tokens and watches for stop strings.

    Bytes that do not make a whole character yet, and text that a stop string might begin with, are
    held back. The pieces given out make up `text` exactly.

    Args:
        tokenizer: Its `decode_bytes(ids)` gives the bytes of tokens.
        prompt_ids: Tokens before the text; they decide, say, whether a word follows a space.
        stop: Stop strings.

    Attributes:
        text: What was given out so far.
        stopped: Whether a stop string was completed. It is not part of the text. Of several, the
            one that is complete first, reading character by character, counts.
    """

    def __init__(self, tokenizer, prompt_ids, stop=()):
        self.text = ""
        self.stopped = False
        self._tokenizer = tokenizer
        self._stop = tuple(stop)
        self._tokens = list(prompt_ids)[-CONTEXT:]
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""

    def push(self, token):
        """Adds a token; returns the text that is now certain."""
        if self.stopped:
            return ""
        before = self._tokenizer.decode_bytes(self._tokens)
        self._tokens.append(token)
        after = self._tokenizer.decode_bytes(self._tokens)
        if len(self._tokens) > MEMORY:
            del self._tokens[:-CONTEXT]
        return self._take(self._decoder.decode(after[len(before) :]), last=False)

    def finish(self):
        """Returns the rest of the text; an incomplete character becomes the replacement sign."""
        if self.stopped:
            return ""
        return self._take(self._decoder.decode(b"", final=True), last=True)

    def fork(self):
        """Returns a copy that grows on its own."""
        other = copy.copy(self)
        other._tokens = list(self._tokens)
        other._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        other._decoder.setstate(self._decoder.getstate())
        return other

    def _take(self, characters, last):
        held = self._held + characters
        found = _first_stop(held, self._stop)
        if found is not None:
            self.stopped = True
            certain, self._held = found, ""
        else:
            certain = len(held) if last else len(held) - _unsure(held, self._stop)
            self._held = held[certain:]
        self.text += held[:certain]
        return held[:certain]


def _first_stop(text, stop):
    """Where the stop string begins that is complete first, or None."""
    found = [(text.find(s) + len(s), text.find(s)) for s in stop if s in text]
    return min(found)[1] if found else None


def _unsure(text, stop):
    """Length of the longest end of `text` that a stop string begins with."""
    longest = max((len(s) - 1 for s in stop), default=0)
    for length in range(min(longest, len(text)), 0, -1):
        if any(s.startswith(text[-length:]) for s in stop):
            return length
    return 0
