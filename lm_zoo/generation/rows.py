"""The texts being generated, each on its own: tokens, text, and what its state has read."""

import math

import numpy as np

from lm_zoo.errors import UserError
from lm_zoo.generation.text_stream import TextStream


class Row:
    """One text while it grows.

    Args:
        number: The row's number for `on_text`.
        sample: Which of the prompt's texts.
        prompt_ids: Token ids of the prompt, at least one.
        tokenizer: Makes text of tokens.
        options: `GenerationOptions`.

    Attributes:
        token_ids: Prompt and generated tokens.
        log_prob: Sum of the model's own log-probabilities of the generated tokens, nats.
        finished_by: `""` while it grows, then `eos`, `stop` or `length`.
    """

    def __init__(self, number, sample, prompt_ids, tokenizer, options):
        self.number = number
        self.sample = sample
        self.prompt_length = len(prompt_ids)
        self.token_ids = list(prompt_ids)
        self.stream = TextStream(tokenizer, prompt_ids, options.stop)
        self.eos_id = None if options.ignore_eos else tokenizer.eos_id
        self.max_new_tokens = options.max_new_tokens
        self.log_prob = 0.0
        self.finished_by = ""

    @property
    def generated_ids(self):
        return self.token_ids[self.prompt_length :]

    def accept(self, token, log_prob):
        """Adds a token; returns the text that is now certain."""
        if math.isnan(log_prob):
            raise UserError(
                "model: expected probabilities, received NaN; its parameters are not finite, so "
                "load an earlier checkpoint."
            )
        self.token_ids.append(token)
        self.log_prob += log_prob
        if token == self.eos_id:
            self.finished_by = "eos"
            return self.stream.finish()
        piece = self.stream.push(token)
        if self.stream.stopped:
            self.finished_by = "stop"
        elif len(self.token_ids) - self.prompt_length == self.max_new_tokens:
            self.finished_by = "length"
            piece += self.stream.finish()
            if self.stream.stopped:
                self.finished_by = "stop"
        return piece

    def fork(self):
        """Returns a copy that grows on its own."""
        other = object.__new__(Row)
        other.__dict__.update(self.__dict__)
        other.token_ids = list(self.token_ids)
        other.stream = self.stream.fork()
        return other


class RowStates:
    """The states of a batch of rows, within the model's context.

    All but the last token of a row have been read; the next step reads that one. A row whose state
    is full begins anew: the last `context_length // 2` tokens are read into a fresh state. That
    hangs on the row's own length alone, never on its neighbours.
    """

    def __init__(self, decoder, rows):
        self.decoder = decoder
        read = {}  # rows of one prompt share the reading
        for row in rows:
            key = tuple(row.token_ids)
            if key not in read:
                read[key] = decoder.read(row.token_ids[:-1])
        self.state = decoder.join([read[tuple(row.token_ids)] for row in rows])
        self.tokens_read = [len(row.token_ids) - 1 for row in rows]

    def make_room(self, rows):
        """Slides every row that is full; call before each step."""
        limit = self.decoder.context_length
        if limit is None:
            return
        for index, row in enumerate(rows):
            if self.tokens_read[index] == limit:
                kept = [] if row.finished_by else row.token_ids[-max(1, limit // 2) : -1]
                fresh = self.decoder.read(kept)
                self.state = self.decoder.replace_row(self.state, index, fresh)
                self.tokens_read[index] = len(kept)

    def stepped(self, state):
        """Takes the state after a step, in which every row read one token."""
        self.state = state
        self.tokens_read = [count + 1 for count in self.tokens_read]

    def reordered(self, state, parents):
        """Takes the state in which each row goes on from its parent."""
        self.state = state
        self.tokens_read = [self.tokens_read[parent] for parent in parents]


def last_tokens(rows):
    """The tokens that the next step reads, int32, shape `(batch,)`."""
    return np.array([row.token_ids[-1] for row in rows], np.int32)


def tokens_seen(rows, vocab_size):
    """Which tokens each row holds, booleans, shape `(batch, vocab_size)`."""
    seen = np.zeros((len(rows), vocab_size), bool)
    for index, row in enumerate(rows):
        seen[index, row.token_ids] = True
    return seen
