"""What generation can be asked for, and the check of it; needs the standard library alone."""

import dataclasses

from lm_zoo.checked_fields import Facts, check_fields, field, require
from lm_zoo.text.special_tokens import SPECIAL_TOKENS, SPECIAL_TOKENS_HELP, TEXT


def special_tokens_option():
    """Returns the dataclass field of the option that everything has that reads texts."""
    return field(TEXT, choices=SPECIAL_TOKENS, help=SPECIAL_TOKENS_HELP)


@dataclasses.dataclass
class GenerationOptions:
    """How text is generated.

    Attributes:
        max_new_tokens: Most tokens generated per text.
        temperature: Divides the logits; 0 takes the likeliest token (greedy).
        top_k: Samples among the k likeliest tokens; 0 means all. Tokens as likely as the last of
            them stay too.
        top_p: Samples among the likeliest tokens that together have at least this probability
            (nucleus sampling, Holtzman et al. 2020), after temperature and `top_k`; 1 means all.
        repetition_penalty: Logits of tokens that the model has already read, prompt included, are
            divided by this where positive and multiplied where negative (CTRL, Keskar et al. 2019);
            1 is off.
        num_beams: Beams of beam search; 1 is off. Beam search is deterministic and ranks by the
            model's own probabilities, so it takes a `temperature` of 0 or 1 and no filter.
        length_penalty: For beam search: a text's log-probability is divided by its number of tokens
            to this power; above 0 favours longer texts.
        seed: Decides every random choice, together with the prompt, the number of equal prompts
            before it, the sample's index and the token's.
        num_return_sequences: Texts per prompt; with beam search, how many of the best hypotheses to
            return.
        stop: Strings that end a text; the string itself is not part of the text.
        ignore_eos: Whether to go on after the tokenizer's end-of-text token. With a word tokenizer,
            whose end token stands for a line end, this gives several lines.
        special_tokens: What a special token that is written out in a prompt is: `text`, or
            `control`, the token.
    """

    max_new_tokens: int = field(
        100, at_least=1, help="Maximum number of tokens generated per text."
    )
    temperature: float = field(
        1.0, at_least=0, note="0: greedy", help="Divides the logits; 0 is greedy decoding."
    )
    top_k: int = field(
        0, at_least=0, note="0: all", help="Sample from the k most likely tokens; 0 is off."
    )
    top_p: float = field(
        1.0,
        above=0,
        at_most=1,
        note="1: all",
        help="Sample from the most likely tokens with this total probability; 1 is off.",
    )
    repetition_penalty: float = field(
        1.0, above=0, note="1: off", help="Above 1: makes earlier tokens less likely."
    )
    num_beams: int = field(1, at_least=1, help="Above 1: beam search, without sampling.")
    length_penalty: float = field(
        1.0, help="Beam search divides the log-probability by the length to this power."
    )
    seed: int = field(0, at_least=0, help="The same seed gives the same text.")
    num_return_sequences: int = field(1, at_least=1, help="Continuations of each prompt.")
    stop: tuple[str, ...] = field((), repeated=True, help="Text at which a continuation ends.")
    ignore_eos: bool = field(False, help="Continue after an end-of-text token.")
    special_tokens: str = special_tokens_option()

    def validate(self) -> "GenerationOptions":
        """Checks types, ranges, and that the options agree with each other.

        Returns:
            The options, in place.

        Raises:
            UserError: Naming the option, what was expected and what was received.
        """
        check_fields(self, in_graph=True)
        require("" not in self.stop, "stop", "non-empty strings", self.stop)
        if self.num_beams > 1:
            self._check_beams()
        elif self.temperature == 0:
            require(
                self.num_return_sequences == 1,
                "num_return_sequences",
                "1 with temperature 0, which always gives the same text",
                self.num_return_sequences,
            )
        return self

    def _check_beams(self):
        for name, allowed in (("temperature", (0, 1)), ("top_k", (0,)), ("top_p", (1,))):
            value = getattr(self, name)
            listed = " or ".join(str(choice) for choice in allowed)
            expected = f"{listed} with num_beams above 1, because beam search does not sample"
            require(value in allowed, name, expected, value)
        require_enough_beams(self)


def require_enough_beams(options):
    """Raises a `UserError` if more texts are asked for than a beam search has beams."""
    most, asked = options.num_beams, options.num_return_sequences
    require(asked <= most, "num_return_sequences", f"at most num_beams ({most})", asked)


def require_special_tokens(value):
    """Sees that what special tokens in a text are is one of `SPECIAL_TOKENS`."""
    Facts(choices=SPECIAL_TOKENS).checked(str, value, "special_tokens")
