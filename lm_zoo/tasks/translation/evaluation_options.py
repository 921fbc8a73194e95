"""What the evaluation of translations can be asked for; it is read without TensorFlow."""

import dataclasses

from lm_zoo.checked_fields import field, same_field
from lm_zoo.generation.translation_options import TOO_LONG, TranslationOptions

METRICS = {"bleu": "BLEU", "chrf": "chrF", "ter": "TER"}  # name -> what people call it


@dataclasses.dataclass
class EvaluationOptions:
    """What to translate, how to search, and which metrics to use.

    Attributes:
        batch_size: Pairs per batch, for perplexity; None is the config's.
        sources: Source texts evaluated instead of a split, with `references`; a list of strings.
        references: The translation of each source, a list of strings; several such lists are
            several references for each (perplexity uses the first).
        translations: Existing translations, evaluated instead of the model's.
        metrics: Metrics for translations; () is perplexity only.
        tokenize: BLEU's tokenization, by its sacrebleu name.
        lowercase: Whether BLEU and chrF ignore case.
        max_pairs: Number of pairs translated, from the first; 0 is all.
        num_beams: Beams of the search; 1 is greedy.
        length_penalty: The log-probability is divided by the length to this power.
        coverage_penalty: Above 0 favours translations that attend to all of the source.
        max_new_tokens: Maximum number of tokens per translation; 0 is twice the source's plus 20.
        too_long: What to do with a source that is longer than the model can read; None: `error`,
            unless the run truncated them in training.
    """

    batch_size: int | None = field(None, at_least=1, help="Pairs per batch.")
    sources: list | None = field(
        None,
        lines=1,
        help="One source text per line, evaluated instead of a split, with --references.",
    )
    references: list | None = field(
        None,
        lines="any",
        names_result=True,
        help="The translation of each line of --sources; several files, separated by commas, are "
        "several references for each (perplexity uses the first).",
    )
    translations: list | None = field(
        None,
        lines=1,
        help="Existing translations, one per line, evaluated instead of the model's.",
    )
    metrics: tuple[str, ...] = field(
        tuple(METRICS),
        help="Metrics for translations; empty (--metrics=) is perplexity only.",
    )
    tokenize: str = field(
        "13a", help="BLEU's tokenization, by its sacrebleu name: 13a, intl, zh, char, none, ..."
    )
    lowercase: bool = field(False, help="Whether BLEU and chrF ignore case.")
    max_pairs: int = field(
        0, at_least=0, help="Number of texts translated, from the first; 0 is all."
    )
    num_beams: int = same_field(TranslationOptions, "num_beams")
    length_penalty: float = same_field(TranslationOptions, "length_penalty")
    coverage_penalty: float = same_field(TranslationOptions, "coverage_penalty")
    max_new_tokens: int = same_field(TranslationOptions, "max_new_tokens")
    too_long: str | None = field(
        None,
        choices=TOO_LONG,
        help="What to do with a source that is longer than the model can read; default: an error, "
        "unless the run truncated them in training.",
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
