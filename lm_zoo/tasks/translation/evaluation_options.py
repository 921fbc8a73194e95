"""What the evaluation of translations can be asked for; it is read without TensorFlow."""

import dataclasses

from lm_zoo.checked_fields import field, same_field
from lm_zoo.errors import UserError
from lm_zoo.generation.translation_options import TOO_LONG, TranslationOptions
from lm_zoo.tasks.translation.arguments import METRICS


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
                "--sources: existing translations are evaluated with --references only; leave "
                "out --sources or --translations."
            )
        if self.translations is None and has_sources != has_references:
            raise UserError("--sources and --references: expected both or neither; give both.")
        search = {name: value for name, value in self.search.items() if value is not None}
        TranslationOptions(**search).validate()
        if not has_sources and self.metrics and split not in HELD_OUT and not has_references:
            raise UserError(
                f"--split: expected {' or '.join(HELD_OUT)}, whose texts the run keeps, received "
                f"{split!r}; for the training pairs only perplexity can be evaluated "
                "(`--metrics=`)."
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
