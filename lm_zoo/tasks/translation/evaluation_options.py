"""What the evaluation of translations can be asked for; it is read without TensorFlow."""

import dataclasses

from lm_zoo.checked_fields import field, same_field
from lm_zoo.errors import UserError
from lm_zoo.generation.translation_options import TOO_LONG, TranslationOptions
from lm_zoo.tasks.translation.arguments import METRICS


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

    def check(self, split):
        """Raises a `UserError` for what cannot be measured, as far as the model need not be asked.

        Args:
            split: Name of the split.
        """
        from lm_zoo.data.held_out import HELD_OUT
        from lm_zoo.tasks.translation.metrics import check_metrics

        check_metrics(**self.measuring)
        has_sources, has_references = self.sources is not None, bool(self.references)
        if self.translations is not None and has_sources:
            raise UserError(
                "--sources: translations that are there already are measured by --references "
                "alone; leave --sources or --translations out."
            )
        if self.translations is None and has_sources != has_references:
            raise UserError("--sources and --references: each needs the other; give both.")
        search = {name: value for name, value in self.search.items() if value is not None}
        TranslationOptions(**search).validate()
        if not has_sources and self.metrics and split not in HELD_OUT and not has_references:
            raise UserError(
                f"--split: expected {' or '.join(HELD_OUT)}, whose texts the run keeps, received "
                f"{split!r}; `--metrics=` measures the perplexity of the training pairs alone."
            )

    @property
    def needs_model(self):
        """Whether the run's model has to be loaded for it."""
        return self.translations is None

    @property
    def search(self):
        """The fields that are those of `TranslationOptions`."""
        names = ("num_beams", "length_penalty", "coverage_penalty", "max_new_tokens", "too_long")
        return {name: getattr(self, name) for name in names}

    @property
    def measuring(self):
        """The keywords of `translation_scores`."""
        return {name: getattr(self, name) for name in ("metrics", "tokenize", "lowercase")}
