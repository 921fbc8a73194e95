"""What translation can be asked for, and the check of it; needs the standard library alone."""

import dataclasses

from lm_zoo.checked_fields import check_fields, field
from lm_zoo.generation.options import require_enough_beams, special_tokens_option

TOO_LONG = ("error", "truncate")
# Most tokens of a translation where none is asked for: so many times its source's, and so many more.
AUTOMATIC_LENGTH = (2, 20)


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

    num_beams: int = field(4, at_least=1, help="Beams; 1 is greedy.")
    length_penalty: float = field(
        1.0, help="The log-probability is divided by the length to this power."
    )
    coverage_penalty: float = field(
        0.0,
        at_least=0,
        note="0: off",
        help="Above 0: favours translations that attend to all of the source.",
    )
    num_return_sequences: int = field(1, at_least=1, help="Translations of each text.")
    max_new_tokens: int = field(
        0,
        at_least=0,
        note="0: by the source's length",
        help="Maximum number of tokens per translation; 0 is twice the source's plus 20.",
    )
    batch_size: int = field(
        64, at_least=1, help="Maximum number of texts translated at once per device."
    )
    too_long: str = field(
        "error",
        choices=TOO_LONG,
        help="What to do with a text that is longer than the model can read.",
    )
    special_tokens: str = special_tokens_option()

    def validate(self) -> "TranslationOptions":
        """Checks types, ranges, and that the options agree with each other; returns the options.

        Raises:
            UserError: Naming the option, what was expected and what was received.
        """
        check_fields(self, in_graph=True)
        require_enough_beams(self)
        return self
