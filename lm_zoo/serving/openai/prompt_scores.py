"""The log-probabilities of a prompt's own tokens, for completions that echo it."""

import typing

import numpy as np

from lm_zoo.limits import MAX_LOGITS
from lm_zoo.serving.inference.sequence import NewToken

SCORE_IDS = "score_ids"  # the function of a SavedModel that scores token ids


class PromptCall(typing.NamedTuple):
    """A prompt to score: as a `Batcher` takes it.

    Attributes:
        rows: 1.
        tokens: The prompt's number.
        key: Prompts of about the same length are scored together.
        token_ids: The prompt's.
        num_top: How many likeliest tokens to give at each place.
    """

    rows: int
    tokens: int
    key: int
    token_ids: list
    num_top: int

    @classmethod
    def of(cls, token_ids, num_top):
        """Makes the call for a prompt."""
        return cls(1, len(token_ids), len(token_ids).bit_length(), token_ids, num_top)


def warm_up(functions):
    """Scores a prompt."""
    functions.score_ids(np.zeros((1, 2), np.int32), np.array([2], np.int32))


class PromptScorer:
    """Scores prompts, several at a time.

    Args:
        functions: The restored object of a SavedModel.
        vocab_size: Of the model.
    """

    def __init__(self, functions, vocab_size):
        self._functions = functions
        self._vocab_size = vocab_size

    def __call__(self, calls):
        """Returns each prompt's `NewToken`s; nothing is known of the first one's probability."""
        results = []
        while len(results) < len(calls):
            longest = max(len(call.token_ids) for call in calls)
            most = max(1, MAX_LOGITS // (longest * self._vocab_size))
            results += self._score(calls[len(results) : len(results) + most])
        return results

    def _score(self, calls):
        lengths = np.array([len(call.token_ids) for call in calls], np.int32)
        token_ids = np.zeros((len(calls), max(lengths.max(), 2)), np.int32)
        for row, call in enumerate(calls):
            token_ids[row, : len(call.token_ids)] = call.token_ids
        log_probs = self._functions.score_ids(token_ids, lengths).numpy().tolist()
        num_top = max(call.num_top for call in calls)
        top = self._top(token_ids, num_top) if num_top else None
        return [
            [
                NewToken(
                    token,
                    log_probs[row][place - 1] if place else None,
                    top[row][place - 1][: call.num_top] if place and top else (),
                )
                for place, token in enumerate(call.token_ids)
            ]
            for row, call in enumerate(calls)
        ]

    def _top(self, token_ids, num_top):
        """Returns the likeliest `(token, log_prob)`s after each token but the last, for each row.

        Token by token, because a SavedModel has no function that gives those of a whole text.
        """
        rows, length = token_ids.shape
        zeros, ones = np.zeros(rows, np.int32), np.ones(rows, np.float32)
        greedy = (0 * ones, zeros, ones, zeros, np.int32(1), np.int32(num_top))
        start, active = np.ones(rows, np.int32), np.ones(rows, bool)
        state = self._functions.prefill(token_ids[:, :1], start, np.int32(length))
        found = [[] for _ in range(rows)]
        for place in range(length - 1):
            step = self._functions.decode(state, token_ids[:, place], zeros, active, *greedy)
            state = step["state"]
            tokens = step["top_tokens"].numpy()[:, 0].tolist()
            log_probs = step["top_log_probs"].numpy()[:, 0].tolist()
            for row in range(rows):
                found[row].append(tuple(zip(tokens[row], log_probs[row])))
        return found
