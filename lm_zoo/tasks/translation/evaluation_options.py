"""What the evaluation of translations can be asked for; it is read without TensorFlow."""

import dataclasses

from lm_zoo.checked_fields import field, same_field
from lm_zoo.generation.translation_options import TOO_LONG, TranslationOptions

METRICS = {"bleu": "BLEU", "chrf": "chrF", "ter": "TER"}  # name -> what people call it


@dataclasses.dataclass
class EvaluationOptions:
    """What is translated, how it is searched for, and what it is measured by.

    Attributes:
        batch_size: Pairs at once, for perplexity; None is the config's.
        sources: Texts that are measured instead of a split, with `references`; a list of strings.
        references: The translation of each source, a list of strings; several such lists are
            several references of each (perplexity is that of the first).
        translations: Translations that are there already, measured instead of the model's.
        metrics: What translations are measured by; () is perplexity alone.
        tokenize: BLEU's tokenization, as sacrebleu calls it.
        lowercase: Whether BLEU and chrF ignore case.
        max_pairs: How many are translated, the first ones; 0 is all.
        num_beams: As in `TranslationOptions`, and the next three.
        length_penalty: Power of the length that a log-probability is divided by.
        coverage_penalty: Above 0 favours translations that look at all of the source.
        max_new_tokens: Most tokens of a translation; 0 is twice the source's and 20 more.
        too_long: What becomes of a source that is longer than the model can read; None: `error`,
            unless the run truncates them in training.
    """

    batch_size: int | None = field(None, at_least=1, help="Pairs at once.")
    sources: list | None = field(
        None, lines=1, help="A text a line, measured instead of a split, with --references."
    )
    references: list | None = field(
        None,
        lines="any",
        names_result=True,
        help="The translation of each line of --sources; several files, by commas, are several "
        "references of each (perplexity is that of the first).",
    )
    translations: list | None = field(
        None,
        lines=1,
        help="Translations that are there already, a line each, to be measured instead of the "
        "model's.",
    )
    metrics: tuple[str, ...] = field(
        tuple(METRICS),
        help="What translations are measured by; nothing (--metrics=) is perplexity alone.",
    )
    tokenize: str = field(
        "13a", help="BLEU's tokenization, as sacrebleu calls it: 13a, intl, zh, char, none, ..."
    )
    lowercase: bool = field(False, help="Whether BLEU and chrF ignore case.")
    max_pairs: int = field(0, at_least=0, help="How many are translated, the first ones; 0 is all.")
    num_beams: int = same_field(TranslationOptions, "num_beams")
    length_penalty: float = same_field(TranslationOptions, "length_penalty")
    coverage_penalty: float = same_field(TranslationOptions, "coverage_penalty")
    max_new_tokens: int = same_field(TranslationOptions, "max_new_tokens")
    too_long: str | None = field(
        None,
        choices=TOO_LONG,
        help="What becomes of a source that is longer than the model can read; default: an error, "
        "unless the run truncates them in training.",
    )

    @property
    def search(self):
        """The fields that are those of `TranslationOptions`."""
        names = ("num_beams", "length_penalty", "coverage_penalty", "max_new_tokens", "too_long")
        return {name: getattr(self, name) for name in names}

    @property
    def measuring(self):
        """The keywords of `translation_scores`."""
        return {name: getattr(self, name) for name in ("metrics", "tokenize", "lowercase")}
