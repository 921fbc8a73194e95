"""Perplexity of a whole split: every token scored but the first, and the ledger to show for it."""

import math

import numpy as np
import tensorflow as tf

from lm_zoo.errors import UserError, unknown_name
from lm_zoo.evaluation.ledger import Ledger
from lm_zoo.evaluation.nll import check_vocabulary, nll_function
from lm_zoo.evaluation.windows import plan_streams, plan_windows

CONTEXT_RULES = ("auto", "carried", "windows")


class Evaluator:
    """Measures a model on splits; later calls use the compiled function of the first.

    Two context rules. `carried`, for models whose state is unbounded: the split is cut into
    `batch_size` streams, as equal as possible; each begins with the zero state and reads on to its
    end, so `batch_size=1` is the exact figure. `windows`, for any model: windows of
    `sequence_length` tokens, each read from the zero state, of which only targets with at least
    `sequence_length - stride` tokens of context count (but for the first window's). Either way
    every target of the split counts exactly once; the split's first token has no context and is
    not one.

    Args:
        model: A built `LanguageModel`.
        tokenizer: Its tokenizer.
        batch_size: Streams, or windows at once.
        sequence_length: Tokens per call; the window.
        stride: New tokens per window; 0 means half the window.
        context_rule: `auto` (carried where the model's `context_length` is None), `carried` or
            `windows`.

    Raises:
        UserError: If the model cannot be measured so.
    """

    def __init__(
        self,
        model,
        tokenizer,
        batch_size=8,
        sequence_length=128,
        stride=0,
        context_rule="auto",
    ):
        check_vocabulary(model, tokenizer)
        if context_rule not in CONTEXT_RULES:
            raise unknown_name("context_rule", context_rule, CONTEXT_RULES)
        limit = model.context_length
        if context_rule == "auto":
            context_rule = "carried" if limit is None else "windows"
        if context_rule == "carried" and limit is not None:
            raise UserError(
                f"context_rule: expected 'windows', because the model holds {limit} tokens "
                "(context_length), received 'carried'."
            )
        self.model = model
        self.tokenizer = tokenizer
        self.batch_size = _whole("batch_size", batch_size, 1)
        self.sequence_length = _whole("sequence_length", sequence_length, 1)
        self.stride = _whole("stride", stride, 0) or max(1, sequence_length // 2)
        self.context_rule = context_rule
        if context_rule == "windows":
            longest = sequence_length if limit is None else min(limit, sequence_length)
            if sequence_length > longest:
                raise UserError(
                    f"sequence_length: expected at most the model's context_length ({limit}), "
                    f"received {sequence_length}."
                )
            if self.stride > sequence_length:
                raise UserError(
                    f"stride: expected at most the window ({sequence_length}), received "
                    f"{self.stride}: tokens would be left out."
                )

    def evaluate(self, split, on_progress=None):
        """Measures a split.

        Args:
            split: A `TokenSplit`.
            on_progress: Called as `on_progress(tokens scored, tokens to score)` after each call of
                the model.

        Returns:
            A `Ledger`; corpus and checkpoint step are the caller's to fill in.

        Raises:
            UserError: If the split has fewer than two tokens, or the model gives NaN.
        """
        nll, tokens = self.nll_sums(split, on_progress)
        if not np.isfinite(nll):
            raise UserError(
                f"model: expected finite probabilities on the {split.name} split, received a loss "
                f"of {nll}; load an earlier checkpoint."
            )
        if self.context_rule == "carried":
            streams = len(plan_streams(split.num_tokens - 1, self.batch_size)[0])
            context = {"rule": "carried", "streams": streams}
        else:
            window = self.sequence_length
            context = {"rule": "windows", "window": window, "stride": self.stride}
        return Ledger(
            model=self.model.name,
            parameters=sum(math.prod(weight.shape) for weight in self.model.weights),
            split=split.name,
            text_sha256=split.text_sha256,
            tokenizer=self.tokenizer.name,
            tokenizer_fingerprint=self.tokenizer.fingerprint,
            context=context,
            nll_nats=nll,
            tokens_scored=tokens,
            tokens_not_scored=split.num_tokens - tokens,
            why_not_scored="the split's first token has no context",
            num_unknown=split.num_unknown,
            num_words=split.num_words,
            num_bytes=split.num_bytes,
        ).validate()

    def nll_sums(self, split, on_progress=None):
        """Returns `(nats, tokens)`: the sum of the NLL over the split, and the tokens in it."""
        num_inputs = split.num_tokens - 1
        if num_inputs < 1:
            raise UserError(
                f"split: expected at least 2 tokens in {split.name}, received {split.num_tokens}: "
                "nothing has a context to be predicted from."
            )
        calls = self._carried if self.context_rule == "carried" else self._windows
        nats, tokens = 0.0, 0
        for nll, counts in calls(split, num_inputs):
            nats += float(np.sum(nll[counts], dtype=np.float64))
            tokens += int(np.count_nonzero(counts))
            if on_progress:
                on_progress(tokens, num_inputs)
        return nats, tokens

    def _carried(self, split, num_inputs):
        """Yields `(nll, which of them count)`, both `(streams, sequence_length)`, call by call."""
        starts, stops = plan_streams(num_inputs, self.batch_size)
        state = self.model.initial_state(len(starts))
        function = nll_function(self.model)
        for offset in range(0, int(np.max(stops - starts)), self.sequence_length):
            inputs, targets, inside = self._read(split, starts + offset, stops)
            nll, state = function(inputs, targets, state)
            yield nll.numpy(), inside

    def _windows(self, split, num_inputs):
        """Yields `(nll, which of them count)`, both `(batch, window)`, call by call."""
        starts, stops, scored_from = plan_windows(num_inputs, self.sequence_length, self.stride)
        rows = min(self.batch_size, len(starts))
        # Rows without a window fill the last call up to the shape that is compiled already.
        missing = -len(starts) % rows
        starts, stops, scored_from = (
            np.concatenate([part, np.full(missing, num_inputs)])
            for part in (starts, stops, scored_from)
        )
        state = self.model.initial_state(rows)
        function = nll_function(self.model)
        for first in range(0, len(starts), rows):
            part = slice(first, first + rows)
            inputs, targets, inside = self._read(split, starts[part], stops[part])
            nll, _ = function(inputs, targets, state)
            places = starts[part, None] + np.arange(self.sequence_length)  # (B, T)
            yield nll.numpy(), inside & (places >= scored_from[part, None])

    def _read(self, split, starts, stops):
        """Reads a row from each start, padded with id 0 beyond its stop.

        Returns:
            `(inputs, targets, inside)`: int32 tensors, and booleans, `(batch, sequence_length)`.
        """
        length = self.sequence_length
        tokens = np.zeros((len(starts), length + 1), np.int32)
        lengths = np.clip(stops - starts, 0, length)
        for row, start, count in zip(tokens, starts.tolist(), lengths.tolist()):
            if count:
                row[: count + 1] = split.read(start, start + count + 1)
        inside = np.arange(length) < lengths[:, None]
        return tf.constant(tokens[:, :-1]), tf.constant(tokens[:, 1:]), inside


def evaluate_split(
    model,
    tokenizer,
    split,
    batch_size=8,
    sequence_length=128,
    stride=0,
    context_rule="auto",
):
    """Measures one split once; see `Evaluator` for the arguments. Returns a `Ledger`."""
    evaluator = Evaluator(model, tokenizer, batch_size, sequence_length, stride, context_rule)
    return evaluator.evaluate(split)


def _whole(name, value, least):
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < least:
        raise UserError(f"{name}: expected a whole number of at least {least}, received {value!r}.")
    return int(value)
