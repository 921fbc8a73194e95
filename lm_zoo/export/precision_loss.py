"""What storing the weights at a lower precision costs, as perplexity on held-out text."""

import dataclasses
import math

from lm_zoo.data.token_files import TokenSplit
from lm_zoo.errors import UserError
from lm_zoo.evaluation.perplexity import Evaluator

MOST_TOKENS = 20_000


@dataclasses.dataclass
class PrecisionLoss:
    """Perplexity of the first held-out tokens, by the run's own weights and by those exported.

    Attributes:
        tokens: Tokens scored, from the beginning of the validation split.
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
            f"Perplexity {self.before:.4f} before, {self.after:.4f} after ({change:+.2%}), on "
            f"{self.tokens:,} of {self.split_tokens:,} validation tokens"
        )


def measure(run, exported):
    """Measures a run's model and the one that was exported on the same tokens.

    Args:
        run: The `Run`.
        exported: A model with the weights as they are exported.

    Returns:
        A `PrecisionLoss`, or None for a run without held-out text.
    """
    try:
        split = run.tokens("validation")
    except UserError:
        return None
    if split.num_tokens < 2:
        return None
    part = TokenSplit("validation", (split.read(0, MOST_TOKENS),))
    length = run.config.evaluation.sequence_length or run.config.data.sequence_length
    length = min(length, exported.context_length or length)
    figures = []
    for model in (run.model, exported):
        evaluator = Evaluator(model, run.tokenizer, run.config.evaluation.batch_size, length)
        nats, tokens = evaluator.nll_sums(part)
        figures.append(math.exp(nats / tokens))
    return PrecisionLoss(tokens, split.num_tokens, *figures)
