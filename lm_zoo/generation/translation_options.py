"""What translation can be asked for, and the check of it; needs the standard library alone."""

import dataclasses

from lm_zoo.generation.options import (
    require,
    require_finite,
    require_special_tokens,
    require_whole_numbers,
)
from lm_zoo.text.special_tokens import TEXT

TOO_LONG = ("error", "truncate")


@dataclasses.dataclass
class TranslationOptions:
    """How sources are translated.

    Attributes:
        num_beams: Beams of the search; 1 takes the likeliest token at each step (greedy).
        length_penalty: A translation's log-probability is divided by its number of tokens, the end
            token included, to this power; above 0 favours longer ones. 1 ranks by the mean.
        coverage_penalty: Weight of the penalty for source tokens that got less attention than 1 in
            all (Wu et al. 2016, whose best was 0.2); 0 is off.
        num_return_sequences: How many translations of each source to give.
        max_new_tokens: Most tokens of a translation, the end token included; 0 means twice the
            tokens of its source and 20 more. The model's `context_length` is the bound in any case.
        batch_size: Most sources that are translated at once on a device; it changes no result.
        too_long: What becomes of a source longer than the model can read: `error`, or `truncate`,
            which reads its beginning and marks the translation.
        special_tokens: What a special token that is written out in a source is: `text`, or
            `control`, the token.
    """

    num_beams: int = 4
    length_penalty: float = 1.0
    coverage_penalty: float = 0.0
    num_return_sequences: int = 1
    max_new_tokens: int = 0
    batch_size: int = 64
    too_long: str = "error"
    special_tokens: str = TEXT

    def validate(self):
        """Checks types, ranges, and that the options agree with each other; returns the options.

        Raises:
            UserError: Naming the option, what was expected and what was received.
        """
        require_whole_numbers(
            self, num_beams=1, num_return_sequences=1, max_new_tokens=0, batch_size=1
        )
        require_finite(self, "length_penalty", "coverage_penalty")
        require(
            self.coverage_penalty >= 0,
            "coverage_penalty",
            "at least 0 (0: off)",
            self.coverage_penalty,
        )
        expected = f"at most num_beams ({self.num_beams})"
        require(
            self.num_return_sequences <= self.num_beams,
            "num_return_sequences",
            expected,
            self.num_return_sequences,
        )
        require_special_tokens(self.special_tokens)
        require(self.too_long in TOO_LONG, "too_long", " or ".join(TOO_LONG), self.too_long)
        return self
