"""The texts being generated, each on its own: tokens, text, and what has ended it."""

import copy
import math

import numpy as np

from lm_zoo.errors import UserError
from lm_zoo.generation.text_stream import TextStream


class Row:
    """One text while it grows.

    Args:
        number: The row's number for `on_text`.
        sample: Which of the prompt's texts.
        draw: Which of the texts of all prompts that are equal to its own, for `row_keys`.
        prompt_ids: Token ids of the prompt, at least one.
        tokenizer: Makes text of tokens.
        options: `GenerationOptions`.

    Attributes:
        token_ids: Prompt and generated tokens.
        log_prob: Sum of the model's own log-probabilities of the generated tokens, nats.
        finished_by: `""` while it grows, then `eos`, `stop` or `length`.
    """

    def __init__(self, number, sample, draw, prompt_ids, tokenizer, options):
        self.number = number
        self.sample = sample
        self.draw = draw
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
        require_probability(log_prob)
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

    def continued(self, token_ids, log_prob):
        """Returns a copy with more tokens, whose log-probabilities add up to `log_prob`."""
        other = self.fork()
        for token in token_ids:
            other.accept(token, log_prob)
            log_prob = 0.0
        return other

    def fork(self):
        """Returns a copy that grows on its own."""
        other = copy.copy(self)
        other.token_ids = list(self.token_ids)
        other.stream = self.stream.fork()
        return other


def last_tokens(rows):
    """The tokens that the next step reads, int32, shape `(batch,)`."""
    return np.array([row.token_ids[-1] for row in rows], np.int32)


def tokens_seen(rows, vocab_size):
    """Which tokens each row holds, booleans, shape `(batch, vocab_size)`."""
    seen = np.zeros((len(rows), vocab_size), bool)
    for index, row in enumerate(rows):
        seen[index, row.token_ids] = True
    return seen


def require_probability(log_prob):
    """Refuses what a model gives whose parameters are not finite."""
    if math.isnan(log_prob):
        raise UserError(
            "model: expected probabilities, received NaN; its parameters are not finite, use an "
            "earlier checkpoint."
        )
