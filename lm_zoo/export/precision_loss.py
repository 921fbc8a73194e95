"""What storing the weights at a lower precision costs, as perplexity on held-out text."""

import dataclasses
import math

import tensorflow as tf

from lm_zoo.data.pair_batches import PairBatches
from lm_zoo.data.token_files import TokenSplit
from lm_zoo.errors import UserError
from lm_zoo.evaluation.perplexity import Evaluator
from lm_zoo.figures import written
from lm_zoo.layers.token_nll import token_nll

MOST_TOKENS = 20_000
ROWS = 64  # pairs scored at once


@dataclasses.dataclass
class PrecisionLoss:
    """Perplexity of held-out tokens, by the run's own weights and by those exported.

    Attributes:
        tokens: Tokens scored: the first of the validation split, or those of some of its pairs.
        split_tokens: All tokens of the split.
        before: Perplexity per token by the run's weights.
        after: By those exported.
    """

    tokens: int
    split_tokens: int
    before: float
    after: float

    def __str__(self):
        change = self.after / self.before - 1
        return (
            f"Perplexity {written(self.before)} before, {written(self.after)} after "
            f"({change:+.2%}), on "
            f"{self.tokens:,} of {self.split_tokens:,} validation tokens"
        )


def measure(run, exported, limits):
    """Measures a run's model and the one that was exported on the same tokens.

    Args:
        run: The `Run`.
        exported: A model with the weights as they are exported.
        limits: Field name -> most tokens of a text, or None.

    Returns:
        A `PrecisionLoss`, or None for a run without held-out text.
    """
    if run.model.reads_source:
        return _measure_pairs(run, exported, limits)
    try:
        split = run.tokens("validation")
    except UserError:
        return None
    if split.num_tokens < 2:
        return None
    part = TokenSplit("validation", (split.read(0, MOST_TOKENS),))
    length = run.config.evaluation_length
    length = min(length, exported.context_length or length)
    figures = []
    for model in (run.model, exported):
        evaluator = Evaluator(model, run.tokenizer, run.config.evaluation.batch_size, length)
        nats, tokens = evaluator.nll_sums(part)
        figures.append(math.exp(nats / tokens))
    return PrecisionLoss(tokens, split.num_tokens, *figures)


def _measure_pairs(run, exported, limits):
    """As `measure`, of a model that reads a source; a pair too long for it is cut."""
    try:
        batches = PairBatches(
            *run.pair_tokens("validation"),
            batch_size=ROWS,
            max_source_length=limits["source"] or 0,
            max_target_length=exported.context_length or 0,
            too_long="truncate",
        )
    except UserError:
        return None
    nats, tokens = [0.0, 0.0], 0
    for step in range(batches.steps_per_epoch):
        batch = batches.batch(step)
        for place, model in enumerate((run.model, exported)):
            logits = model(tf.constant(batch.inputs), **batch.model_arguments)
            nats[place] += float(tf.reduce_sum(token_nll(logits, batch.targets) * batch.weights))
        tokens += int(batch.weights.sum())
        if tokens >= MOST_TOKENS:
            break
    before, after = (math.exp(value / tokens) for value in nats)
    return PrecisionLoss(tokens, batches.num_targets, before, after)
