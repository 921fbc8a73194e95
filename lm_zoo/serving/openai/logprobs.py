"""Log-probabilities of a text's tokens, in the form of the OpenAI API's completions."""

import codecs

from lm_zoo.text.lost_text import CONTEXT

MIN_LOG_PROB = -9999.0  # stands for minus infinity, which JSON has not


class LogprobsWriter:
    """Writes the `logprobs` object of a choice, delta by delta.

    A token's text is what it adds where it stands; one that is not UTF-8 by itself is written as
    `bytes:\\xe2\\x80`. The offsets count characters from the beginning of the prompt; those of an
    end token, and of tokens that a stop string cut off, are where the text ends.

    Args:
        tokenizer: Makes text of tokens.
        num_top: How many likeliest tokens to give; the chosen one is there in any case. 0: none.
        token_ids: The tokens before the first one written.
        offset: The characters before it.
    """

    def __init__(self, tokenizer, num_top, token_ids=(), offset=0):
        self._tokenizer = tokenizer
        self._num_top = num_top
        self._context = list(token_ids)[-CONTEXT:]
        self._offset = offset
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def write(self, delta, end):
        """Returns the entries of the next delta's tokens, for `as_object`.

        Args:
            delta: A `TextDelta`.
            end: Where its text ends, in characters from the beginning of the prompt.
        """
        entries = []
        for place, token in enumerate(delta.tokens):
            before = self._tokenizer.decode_bytes(self._context)
            data = self._added(before, token.token)
            text = _shown(data)
            top = self._top(before, token, text)
            offset = min(self._offset, end) if delta.offsets is None else delta.offsets[place]
            entries.append((text, _finite(token.log_prob), top, offset))
            self._offset += len(self._decoder.decode(data))
            self._context = [*self._context, token.token][-CONTEXT:]
        if delta.offsets is not None:
            self._offset = end
            self._decoder.reset()
        return entries

    def as_object(self, entries):
        """Returns the `logprobs` object of some entries."""
        columns = list(zip(*entries)) or [()] * 4
        return {
            "tokens": list(columns[0]),
            "token_logprobs": list(columns[1]),
            "top_logprobs": list(columns[2]) if self._num_top else None,
            "text_offset": list(columns[3]),
        }

    def _top(self, before, token, text):
        """The likeliest tokens' texts and log-probabilities, the chosen one's among them."""
        if not self._num_top or token.log_prob is None:
            return None
        top = {}
        for other, log_prob in token.top[: self._num_top]:
            log_prob = token.log_prob if other == token.token else log_prob  # not a bit apart
            top.setdefault(_shown(self._added(before, other)), _finite(log_prob))
        top.setdefault(text, _finite(token.log_prob))
        return top

    def _added(self, before, token):
        return self._tokenizer.decode_bytes([*self._context, token])[len(before) :]


def _shown(data):
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in data)


def _finite(log_prob):
    return None if log_prob is None else max(log_prob, MIN_LOG_PROB)
