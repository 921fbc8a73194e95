"""What a perplexity was computed from, so that nobody has to guess what the figure means."""

import dataclasses
import math
from typing import Any

from lm_zoo.checked_fields import check_fields, field
from lm_zoo.errors import UserError
from lm_zoo.evaluation.training_cost import check_cost
from lm_zoo.figures import (
    FEW_TOKENS,
    bits_per_byte,
    few_tokens_mark,
    perplexity,
    written,
)
from lm_zoo.files.json_files import NotJson

FIGURES = (
    "perplexity",
    "bits_per_token",
    "perplexity_per_word",
    "perplexity_per_word_lower_bound",
    "bits_per_byte",
    "bits_per_byte_lower_bound",
    "unknown_rate",
)
MARKS = ("few_tokens",)


@dataclasses.dataclass
class Ledger:
    """One evaluation of one model on one split.

    The figures per word and per byte divide the NLL that was scored by all words and bytes of the
    text. Nothing is charged or made up for a token that was not scored (the split's first), so they
    are too low by about one token's share, 1 in `tokens_scored`. Where tokens are `<unk>`, or the
    tokenizer does not give the text back, the model was not charged for all of the text: these
    figures are then None, and what would be them are `perplexity_per_word_lower_bound` and
    `bits_per_byte_lower_bound`, which the true ones are not below. Where pairs of texts were left
    out, there are no such figures: what was scored is not the text that was counted.

    Attributes:
        model: Name of the model.
        step: Updates behind the checkpoint, or None.
        training: What they took, from `training_cost`; empty where it is not known.
        parameters: Number of parameters.
        corpus: Name of the corpus.
        split: Name of the split.
        text_sha256: Of the split's UTF-8 text.
        tokenizer: Kind of tokenizer.
        tokenizer_fingerprint: SHA-256 of its content.
        context: `{"rule": "carried", "streams": n}` or `{"rule": "windows", "window": tokens,
            "stride": tokens}`. With `"within_documents": True` no context reaches from one document
            into the next; carried state then has no `streams`, since each document is read from
            its start whatever their number. Or, for targets given their sources: `{"rule":
            "source", "source_sha256": of the sources' text, "pairs": n, "pairs_not_scored": n}`.
        nll_nats: Sum of the negative log-likelihood over the tokens scored.
        tokens_scored: Number of them.
        tokens_not_scored: The split's other tokens.
        why_not_scored: The reason.
        num_unknown: Tokens that are `<unk>`.
        num_words: White-space separated words and line ends of the text.
        num_bytes: UTF-8 bytes of the text.
        bytes_lost: Bytes that decoding the tokens does not restore (`lm_zoo.text.lost_text`).
        words_lost: Words and line ends that decoding the tokens does not restore.
    """

    model: str = ""
    step: int | None = None
    parameters: int = field(0, at_least=0)
    corpus: str = ""
    split: str = ""
    text_sha256: str = ""
    tokenizer: str = ""
    tokenizer_fingerprint: str = ""
    context: dict = dataclasses.field(default_factory=dict)
    nll_nats: float = field(0.0, at_least=0)
    tokens_scored: int = field(0, at_least=1)
    tokens_not_scored: int = field(0, at_least=0)
    why_not_scored: str = ""
    num_unknown: int = field(0, at_least=0)
    num_words: int = field(0, at_least=0)
    num_bytes: int = field(0, at_least=0)
    bytes_lost: int = field(0, at_least=0)
    words_lost: int = field(0, at_least=0)
    training: dict = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, model: Any, tokenizer: Any, split: Any, context: Any, **sums: Any) -> "Ledger":
        """Builds the ledger of a model measured on a split; corpus and step are yet to be filled in.

        Args:
            model: The model.
            tokenizer: The `Tokenizer` of the text that is predicted.
            split: That text, a `TokenSplit`.
            context: As the attribute.
            **sums: `nll_nats`, `tokens_scored`, `tokens_not_scored` and `why_not_scored`.

        Raises:
            UserError: If the model gives NaN.
        """
        if not math.isfinite(sums["nll_nats"]):
            raise UserError(
                f"model: expected finite probabilities on the {split.name} split, received a loss "
                f"of {sums['nll_nats']}; use an earlier checkpoint."
            )
        return cls(
            model=model.name,
            parameters=sum(math.prod(weight.shape) for weight in model.weights),
            split=split.name,
            text_sha256=split.text_sha256,
            tokenizer=tokenizer.name,
            tokenizer_fingerprint=tokenizer.fingerprint,
            context=context,
            num_unknown=split.num_unknown,
            num_words=split.num_words,
            num_bytes=split.num_bytes,
            bytes_lost=split.bytes_lost,
            words_lost=split.words_lost,
            **sums,
        ).validate()

    @property
    def figures(self) -> dict:
        """Tag -> number, for the validation curves."""
        points = {"loss": self.loss, "perplexity": self.perplexity}
        for tag in ("bits_per_byte", "bits_per_byte_lower_bound"):
            if getattr(self, tag) is not None:
                points[tag] = getattr(self, tag)
        return points

    @property
    def identity(self) -> dict:
        """What has to agree before two ledgers are compared."""
        sources = self.context.get("source_sha256")
        return {"text_sha256": self.text_sha256, "source_sha256": sources}

    def summary(self) -> str:
        """Returns loss and perplexity in a line."""
        return (
            f"loss {self.loss:.4f} nats/token, perplexity {written(self.perplexity, 2)}"
            f"{few_tokens_mark(self.tokens_scored)}"
        )

    def __str__(self):
        return self.table()

    def table(self) -> str:
        """Returns the ledger as a table of text, figures first."""
        from lm_zoo.evaluation.ledger_table import render_table  # it describes ledgers

        return render_table(self)

    def results(self, name: str) -> dict:
        """Returns file name -> values, to keep in the run's folder."""
        return {f"evaluation-{name}.json": self.to_dict()}

    @property
    def loss(self) -> float:
        """Nats per token."""
        return self.nll_nats / self.tokens_scored

    @property
    def perplexity(self) -> float:
        """Per token; infinite beyond what a float holds."""
        return perplexity(self.loss)

    @property
    def bits_per_token(self) -> float:
        return self.loss / math.log(2)

    @property
    def perplexity_per_word(self) -> float | None:
        """Per word or line end, as published for PTB and WikiText.

        None for a text without, and where tokens are `<unk>` or words are lost.
        """
        return None if self._hides_words else self._per_word

    @property
    def perplexity_per_word_lower_bound(self) -> float | None:
        """In place of `perplexity_per_word` where not all words were predicted; else None."""
        return self._per_word if self._hides_words else None

    @property
    def bits_per_byte(self) -> float | None:
        """Per UTF-8 byte.

        None for a text of unknown size, and where tokens are `<unk>` or bytes are lost.
        """
        return None if self.hides_text else self._per_byte

    @property
    def bits_per_byte_lower_bound(self) -> float | None:
        """In place of `bits_per_byte` where not all of the text was predicted; else None."""
        return self._per_byte if self.hides_text else None

    @property
    def hides_text(self) -> bool:
        """Whether the model was not charged for all of the text."""
        return bool(self.num_unknown or self.bytes_lost or self.words_lost)

    @property
    def few_tokens(self) -> bool:
        """Whether there are too few tokens for a figure that means much."""
        return self.tokens_scored < FEW_TOKENS

    @property
    def _hides_words(self):
        return bool(self.num_unknown or self.words_lost)

    @property
    def _per_word(self):
        counted = self.num_words and self.is_whole
        return perplexity(self.nll_nats / self.num_words) if counted else None

    @property
    def _per_byte(self):
        return bits_per_byte(self.nll_nats, self.num_bytes) if self.is_whole else None

    @property
    def is_whole(self) -> bool:
        """Whether no pair of texts was left out."""
        return not self.context.get("pairs_not_scored")

    @property
    def unknown_rate(self) -> float:
        """Share of the split's tokens that are `<unk>`."""
        return self.num_unknown / (self.tokens_scored + self.tokens_not_scored)

    def to_dict(self) -> dict:
        """Returns fields, figures and marks as plain values for JSON.

        An infinite figure becomes None.
        """
        figures = {name: getattr(self, name) for name in (*FIGURES, *MARKS)}
        for name, value in figures.items():
            if value is not None and not math.isfinite(value):
                figures[name] = None
        return dataclasses.asdict(self) | figures

    @classmethod
    def from_dict(cls, values: dict) -> "Ledger":
        """Builds a ledger from what `to_dict` returned, having checked it.

        Raises:
            UserError: For anything that is not a ledger, or whose figures do not fit its sums.
        """
        if not isinstance(values, dict):
            raise UserError(f"ledger: expected a mapping, received {values!r:.80}.")
        names = [each.name for each in dataclasses.fields(cls)]
        for name in names:
            if name not in values:
                raise UserError(f"ledger.{name}: it is missing; evaluate the run again.")
        for name in values:
            if name not in (*names, *FIGURES, *MARKS):
                raise UserError(f"ledger.{name}: there is no such field; evaluate the run again.")
        ledger = cls(**{name: values[name] for name in names}).validate()
        computed = ledger.to_dict()
        for name in (*FIGURES, *MARKS):
            if name in values and not _equal(values[name], computed[name]):
                raise UserError(
                    f"ledger.{name}: expected {computed[name]!r} from the sums, received "
                    f"{values[name]!r}; the ledger was altered, evaluate the run again."
                )
        return ledger

    def validate(self) -> "Ledger":
        """Checks types and ranges; returns the ledger.

        Raises:
            UserError: Naming the field, what was expected and what was received.
        """
        try:
            check_fields(self, "ledger")
            check_cost(self.training, "ledger.training")
        except UserError as error:
            raise UserError(f"{str(error)[:-1]}; evaluate the run again.") from None
        except NotJson as error:
            raise UserError(f"{error}; evaluate the run again.") from None
        _require(_is_context(self.context), "context", "a context rule", self.context)
        total = self.tokens_scored + self.tokens_not_scored
        for name, most in (
            ("num_unknown", total),
            ("bytes_lost", self.num_bytes),
            ("words_lost", self.num_words),
        ):
            _require(getattr(self, name) <= most, name, f"at most {most}", getattr(self, name))
        return self


def _equal(received, computed):
    if isinstance(computed, bool) or computed is None or received is None:
        return computed is received
    number = isinstance(received, (int, float)) and not isinstance(received, bool)
    return number and math.isclose(received, computed, rel_tol=1e-9, abs_tol=1e-12)


def _is_whole(value):
    return isinstance(value, int) and not isinstance(value, bool)


# Context rule -> the least that its numbers can be; and its strings.
_NUMBERS = {
    "carried": {"streams": 1},
    "windows": {"window": 1, "stride": 1},
    "source": {"pairs": 1, "pairs_not_scored": 0},
}
_STRINGS = {"source": {"source_sha256"}}
_WITHIN_DOCUMENTS = {"carried": (), "windows": ("window", "stride")}  # the numbers that are left


def _is_context(context):
    rule = context.get("rule") if isinstance(context, dict) else None
    if not isinstance(rule, str) or rule not in _NUMBERS:
        return False
    least, strings = _NUMBERS[rule], _STRINGS.get(rule, set())
    given = context.keys() - {"rule"}
    if context.get("within_documents") is True and rule in _WITHIN_DOCUMENTS:
        given = given - {"within_documents"}
        least = {name: least[name] for name in _WITHIN_DOCUMENTS[rule]}
    return (
        given == least.keys() | strings
        and all(isinstance(context[name], str) for name in strings)
        and all(_is_whole(context[name]) and context[name] >= low for name, low in least.items())
    )


def _require(condition, name, expected, received):
    if not condition:
        raise UserError(
            f"ledger.{name}: expected {expected}, received {received!r}; evaluate the run again."
        )
