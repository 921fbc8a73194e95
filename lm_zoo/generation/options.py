"""What generation can be asked for, and the check of it; needs the standard library alone."""

import dataclasses
import math

from lm_zoo.errors import UserError
from lm_zoo.text.special_tokens import SPECIAL_TOKENS, TEXT


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

    max_new_tokens: int = 100
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    num_beams: int = 1
    length_penalty: float = 1.0
    seed: int = 0
    num_return_sequences: int = 1
    stop: tuple[str, ...] = ()
    ignore_eos: bool = False
    special_tokens: str = TEXT

    def validate(self):
        """Checks types, ranges, and that the options agree with each other.

        Returns:
            The options, with `stop` as a tuple.

        Raises:
            UserError: Naming the option, what was expected and what was received.
        """
        least = dict(max_new_tokens=1, top_k=0, num_beams=1, seed=0, num_return_sequences=1)
        require_whole_numbers(self, **least)
        require_finite(self, "temperature", "top_p", "repetition_penalty", "length_penalty")
        require(self.temperature >= 0, "temperature", "at least 0 (0: greedy)", self.temperature)
        require(0 < self.top_p <= 1, "top_p", "above 0 and at most 1 (1: all)", self.top_p)
        require(
            self.repetition_penalty > 0,
            "repetition_penalty",
            "above 0 (1: off)",
            self.repetition_penalty,
        )
        self._check_stop()
        require_special_tokens(self.special_tokens)
        require(isinstance(self.ignore_eos, bool), "ignore_eos", "True or False", self.ignore_eos)
        if self.num_beams > 1:
            self._check_beams()
        elif self.temperature == 0:
            require(
                self.num_return_sequences == 1,
                "num_return_sequences",
                "1 with temperature 0, which gives the same text each time",
                self.num_return_sequences,
            )
        return self

    def _check_stop(self):
        right = isinstance(self.stop, (tuple, list)) and all(isinstance(s, str) for s in self.stop)
        require(right, "stop", "a tuple of strings", self.stop)
        require("" not in self.stop, "stop", "strings that are not empty", self.stop)
        self.stop = tuple(self.stop)

    def _check_beams(self):
        for name, allowed in (("temperature", (0, 1)), ("top_k", (0,)), ("top_p", (1,))):
            value = getattr(self, name)
            listed = " or ".join(str(choice) for choice in allowed)
            expected = f"{listed} with num_beams above 1, because beam search does not sample"
            require(value in allowed, name, expected, value)
        expected = f"at most num_beams ({self.num_beams})"
        require(
            self.num_return_sequences <= self.num_beams,
            "num_return_sequences",
            expected,
            self.num_return_sequences,
        )


def require(condition, name, expected, received):
    """Raises a `UserError` that names an option, unless the condition holds."""
    if not condition:
        raise UserError(f"{name}: expected {expected}, received {received!r}.")


def require_whole_numbers(options, **least):
    """Raises a `UserError` for an option that is not a whole number of at least what is given."""
    for name, smallest in least.items():
        value = getattr(options, name)
        whole = isinstance(value, int) and not isinstance(value, bool)
        require(whole and value >= smallest, name, f"a whole number of at least {smallest}", value)
        require(value < 2**31, name, "a number below 2147483648", value)


def require_finite(options, *names):
    """Raises a `UserError` for an option that is not a finite number."""
    for name in names:
        value = getattr(options, name)
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        require(number and math.isfinite(value), name, "a finite number", value)


def require_special_tokens(value):
    """Sees that what special tokens in a text are is one of `SPECIAL_TOKENS`."""
    require(value in SPECIAL_TOKENS, "special_tokens", " or ".join(SPECIAL_TOKENS), value)
