"""One text that the engine lets grow: its tokens, its text, and who wants to hear of it."""

import math
import typing

from lm_zoo.generation.text_stream import TextStream
from lm_zoo.serving.http.request_error import RequestError


class NewToken(typing.NamedTuple):
    """A token of a text.

    Attributes:
        token: Its id.
        log_prob: The model's own log-probability of it, in nats; None where nothing stood before.
        top: The likeliest tokens there, as `(token, log_prob)`, likeliest first.
    """

    token: int
    log_prob: float | None
    top: tuple = ()


class TextDelta(typing.NamedTuple):
    """Text that is certain now, and the tokens that it came from.

    The tokens of all deltas are all tokens: an end token, and those of a stop string, which are no
    part of the text, too.

    Attributes:
        text: A string, perhaps empty.
        tokens: `NewToken`s.
        offsets: Where each begins, in characters from the beginning of the prompt, if that is known
            better than by decoding them.
    """

    text: str
    tokens: list
    offsets: list | None = None


class Sequence:
    """A text while it grows.

    Args:
        prompt_ids: Token ids of the prompt, at least one.
        draw: Which of the texts of this prompt and seed it is, for `row_keys`.
        options: A `GenerationOptions`.
        tokenizer: Makes text of tokens.
        num_top: How many likeliest tokens to give with each token.
        deliver: Called in the engine's thread as `deliver(text, deltas, done)`.
        streams: Whether `deliver` is called as text appears, or at the end alone.

    Attributes:
        num_tokens: Tokens generated, an end token and those of a stop string included.
        log_prob: Sum of the model's own log-probabilities of these tokens, in nats.
        finished_by: `""` while it grows, then `eos`, `stop`, `length`, or `error`.
        error: A `RequestError`, if it ended by one.
        cancelled: Set by anyone when no one wants the text any more.
        key: What its random choices depend on, once it has begun.
    """

    def __init__(self, prompt_ids, draw, options, tokenizer, num_top, deliver, streams):
        self.prompt_ids = list(prompt_ids)
        self.draw = draw
        self.options = options
        self.num_top = num_top
        self.streams = streams
        self.num_tokens = 0
        self.log_prob = 0.0
        self.finished_by = ""
        self.error = None
        self.cancelled = False
        self.last_token = self.prompt_ids[-1]
        self.key = None
        self._deliver = deliver
        self._eos_id = None if options.ignore_eos else tokenizer.eos_id
        self._stream = TextStream(tokenizer, prompt_ids, options.stop)
        self._held = []  # tokens whose text is not certain yet
        self._deltas = []  # not delivered yet

    @property
    def text(self):
        """The text that is certain."""
        return self._stream.text

    @property
    def num_left(self):
        """How many tokens may still come."""
        return self.options.max_new_tokens - self.num_tokens

    def accept(self, token, log_prob, top):
        """Adds a token."""
        self.num_tokens += 1
        self.log_prob += log_prob
        self.last_token = token
        if math.isnan(log_prob):
            self.fail(RequestError("the model's probabilities are not finite.", 500))
            return
        stream = self._stream
        self._held.append(NewToken(token, log_prob, top))
        if token == self._eos_id:
            self.finished_by = "eos"
            text = stream.finish()
        else:
            text = stream.push(token)
            if stream.stopped:
                self.finished_by = "stop"
            elif not self.num_left:
                text += stream.finish()
                self.finished_by = "stop" if stream.stopped else "length"
        if text or self.finished_by:
            self._deltas.append(TextDelta(text, self._held))
            self._held = []

    def fail(self, error):
        """Ends the text by a `RequestError`."""
        self.finished_by, self.error = "error", error

    def deliver(self):
        """Hands over what there is, if anyone waits for it."""
        done = bool(self.finished_by)
        if done or (self.streams and self._deltas):
            deltas, self._deltas = self._deltas, []
            self._deliver(self, deltas, done)
