"""What storing the weights at a lower precision costs, as perplexity on held-out text."""

import dataclasses

from lm_zoo.errors import UserError
from lm_zoo.figures import written

MAX_TOKENS = 20_000


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


def measure(run, exported):
    """Measures a run's model and the one that was exported on the same examples.

    Args:
        run: The `Run`.
        exported: A model with the weights as they are exported.

    Returns:
        A `PrecisionLoss`, or None for a run without held-out text.
    """
    try:
        split = run.examples("validation")
    except UserError:
        return None
    if run.task.num_measured(split) < 1:
        return None
    part = split.first(MAX_TOKENS)
    before, after = (run.task.evaluate(model, part) for model in (run.model, exported))
    whole = next(reversed(split.fields.values()))
    return PrecisionLoss(
        before.tokens_scored, whole.num_tokens, before.perplexity, after.perplexity
    )
