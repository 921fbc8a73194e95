"""What generation can be asked for, and the check of it; needs the standard library alone."""

import dataclasses
import math

from lm_zoo.errors import UserError
from lm_zoo.text.special_tokens import SPECIAL_TOKENS, TEXT


@dataclasses.dataclass
class SearchOptions:
    """What every search for texts can be asked for.

    Attributes:
        max_new_tokens: Most tokens generated per text, an end token included.
        num_beams: Beams of beam search; 1 is none.
        length_penalty: For beam search: a text's log-probability is divided by its number of
            tokens, the end token included, to this power; above 0 favours longer texts, 1 ranks by
            the mean.
        num_return_sequences: Texts per prompt or source; with beam search, how many of the best.
        special_tokens: What a special token that is written out in a prompt or source is: `text`,
            or `control`, the token.
    """

    max_new_tokens: int = 100
    num_beams: int = 1
    length_penalty: float = 1.0
    num_return_sequences: int = 1
    special_tokens: str = TEXT

    def validate(self, **least):
        """Checks types, ranges, and that the options agree with each other; returns the options.

        Args:
            least: Of further whole numbers, or of those here, the least that they may be.

        Raises:
            UserError: Naming the option, what was expected and what was received.
        """
        least = dict(max_new_tokens=1, num_beams=1, num_return_sequences=1) | least
        require_whole_numbers(self, **least)
        require_finite(self, "length_penalty")
        require_special_tokens(self.special_tokens)
        return self

    def _require_enough_beams(self):
        require(
            self.num_return_sequences <= self.num_beams,
            "num_return_sequences",
            f"at most num_beams ({self.num_beams})",
            self.num_return_sequences,
        )


@dataclasses.dataclass
class GenerationOptions(SearchOptions):
    """How text is generated: `SearchOptions`, and those of sampling.

    Beam search is deterministic and ranks by the model's own probabilities, so it takes a
    `temperature` of 0 or 1 and no filter.

    Attributes:
        temperature: Divides the logits; 0 takes the likeliest token (greedy).
        top_k: Samples among the k likeliest tokens; 0 means all. Tokens as likely as the last of
            them stay too.
        top_p: Samples among the likeliest tokens that together have at least this probability
            (nucleus sampling, Holtzman et al. 2020), after temperature and `top_k`; 1 means all.
        repetition_penalty: Logits of tokens that the model has already read, prompt included, are
            divided by this where positive and multiplied where negative (CTRL, Keskar et al. 2019);
            1 is off.
        seed: Decides every random choice, together with the prompt, the number of equal prompts
            before it, the sample's index and the token's.
        stop: Strings that end a text; the string itself is not part of the text.
        ignore_eos: Whether to go on after the tokenizer's end-of-text token. With a word tokenizer,
            whose end token stands for a line end, this gives several lines.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    seed: int = 0
    stop: tuple[str, ...] = ()
    ignore_eos: bool = False

    def validate(self):
        """As in `SearchOptions`; makes a tuple of `stop`."""
        super().validate(top_k=0, seed=0)
        require_finite(self, "temperature", "top_p", "repetition_penalty")
        require(self.temperature >= 0, "temperature", "at least 0 (0: greedy)", self.temperature)
        require(0 < self.top_p <= 1, "top_p", "above 0 and at most 1 (1: all)", self.top_p)
        require(
            self.repetition_penalty > 0,
            "repetition_penalty",
            "above 0 (1: off)",
            self.repetition_penalty,
        )
        self._check_stop()
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
        self._require_enough_beams()


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
