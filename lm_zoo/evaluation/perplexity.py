"""Perplexity of a whole split: every token scored but the first, and the ledger to show for it."""

import numpy as np

from lm_zoo.checked_fields import Facts
from lm_zoo.distribution.strategies import default_distribution
from lm_zoo.errors import UserError, unknown_name
from lm_zoo.evaluation import passes
from lm_zoo.evaluation.context_rules import CONTEXT_RULES
from lm_zoo.evaluation.ledger import Ledger
from lm_zoo.evaluation.windows import default_stride, plan_streams
from lm_zoo.text.checks import require_vocabulary


class Evaluator:
    """Measures a model on splits; later calls use the compiled function of the first.

    Two context rules. `carried`, for models whose state is unbounded: the split is cut into
    `batch_size` streams, as equal as possible; each begins with the zero state and reads on to its
    end, so `batch_size=1` is the exact figure. `windows`, for any model: windows of
    `sequence_length` tokens, each read from the zero state, of which only targets with at least
    `sequence_length - stride` tokens of context count (but for the first window's). Either way
    every target of the split counts exactly once; the split's first token has no context and is
    not one.

    Within documents, the rules hold for each document by itself, from the end token before it: the
    state is put to zero there (streams are then cut between documents, so their number changes
    nothing), and windows begin there. Short ones are read several to a row.

    Args:
        model: A built `LanguageModel`.
        tokenizer: Its tokenizer.
        batch_size: Streams, or windows at once.
        sequence_length: Tokens per call; the window.
        stride: New tokens per window; 0 means half the window.
        context_rule: `auto` (carried where the model's `context_length` is None), `carried` or
            `windows`.
        within_documents: Whether no context reaches from one document into the next.
        distribution: The `Distribution` over whose replicas the rows are spread, the model made in
            its scope; None is the device that TensorFlow chooses. Every process has to evaluate.

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
        within_documents=False,
        distribution=None,
    ):
        require_vocabulary(tokenizer, model.vocab_size)
        if context_rule not in CONTEXT_RULES:
            raise unknown_name("context_rule", context_rule, CONTEXT_RULES)
        limit = model.context_length
        if context_rule == "auto":
            context_rule = "carried" if limit is None else "windows"
        if context_rule == "carried" and limit is not None:
            raise UserError(
                "context_rule: expected 'windows', because the model's context_length is "
                f"{limit}, received 'carried'."
            )
        self.model = model
        self.tokenizer = tokenizer
        self.batch_size = Facts(at_least=1).checked(int, batch_size, "batch_size")
        self.sequence_length = Facts(at_least=1).checked(int, sequence_length, "sequence_length")
        self.stride = Facts(at_least=0).checked(int, stride, "stride")
        self.stride = self.stride or default_stride(sequence_length)
        self.context_rule = context_rule
        self.within_documents = within_documents
        self.distribution = distribution or default_distribution()
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
                    f"{self.stride}: tokens would be skipped."
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
            UserError: If the split has fewer than two tokens, or no documents where they are
                needed, or the model gives NaN.
        """
        nll, tokens = self.nll_sums(split, on_progress)
        # The end token that stands before the first of several documents is not of their text.
        left_out = split.num_tokens - tokens - (split.document_starts is not None)
        return Ledger.of(
            self.model,
            self.tokenizer,
            split,
            self._context(split),
            nll_nats=nll,
            tokens_scored=tokens,
            tokens_not_scored=left_out,
            why_not_scored="the split's first token has no context" if left_out else "",
        )

    def _context(self, split):
        within = {"within_documents": True} if self.within_documents else {}
        if self.context_rule == "windows":
            window = self.sequence_length
            return {"rule": "windows", "window": window, "stride": self.stride, **within}
        if self.within_documents:
            return {"rule": "carried", **within}
        streams = len(plan_streams(split.num_tokens - 1, self.batch_size)[0])
        return {"rule": "carried", "streams": streams}

    def nll_sums(self, split, on_progress=None):
        """Returns `(nats, tokens)`: the sum of the NLL over the split, and the tokens in it."""
        num_inputs = split.num_tokens - 1
        if not split.num_tokens:
            raise UserError(
                f"split: the {split.name} split is empty; choose another, or train with "
                f"data.{split.name}_files."
            )
        if num_inputs < 1:
            raise UserError(
                f"split: expected at least 2 tokens in {split.name}, received {split.num_tokens}: "
                "no token has a context to be predicted from."
            )
        if self.within_documents and split.document_starts is None:
            raise UserError(
                f"split: expected documents in {split.name}, because perplexity is measured "
                "within documents; received one stream."
            )
        nats, tokens = 0.0, 0
        for nll, counts in self._calls(split):
            nats += float(np.sum(nll[counts], dtype=np.float64))
            tokens += int(np.count_nonzero(counts))
            if on_progress:
                on_progress(tokens, num_inputs)
        return nats, tokens

    def _calls(self, split):
        """Returns an iterator of `(nll, which of them count)`, one for each call of the model."""
        model, rows, length = self.model, self.batch_size, self.sequence_length
        if self.context_rule == "carried":
            within = self.within_documents
            return passes.carried(model, split, rows, length, within, self.distribution)
        windows = passes.document_windows if self.within_documents else passes.windows
        return windows(model, split, rows, length, self.stride, self.distribution)
