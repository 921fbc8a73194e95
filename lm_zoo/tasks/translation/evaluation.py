"""How good a model's translations of a set are: they are made, and measured by references."""

import dataclasses

from lm_zoo.distribution.exchange import exchange
from lm_zoo.progress import stage
from lm_zoo.tasks.translation.metrics import (
    check_metrics,
    check_references,
    translation_scores,
)
from lm_zoo.tasks.translation.scores import METRICS, TranslationScores


@dataclasses.dataclass
class TranslationEvaluation:
    """Translations of a set of sources, and what they are worth.

    Attributes:
        scores: The `TranslationScores`.
        translations: The translation of each source, a list of strings.
        options: How they were searched for: fields of `TranslationOptions` that were given.
        num_truncated: Sources of which only the beginning was read.
        num_cut_off: Translations that reached the greatest length before they ended.
    """

    scores: TranslationScores
    translations: list[str]
    options: dict = dataclasses.field(default_factory=dict)
    num_truncated: int = 0
    num_cut_off: int = 0

    def to_dict(self):
        """Returns plain values for JSON, the translations excepted."""
        return {
            **self.scores.to_dict(),
            "options": self.options,
            "num_truncated": self.num_truncated,
            "num_cut_off": self.num_cut_off,
        }

    def __str__(self):
        return self.table()

    def table(self):
        """Returns the scores as a table of text, and what has to be known besides."""
        options = ", ".join(f"{name} {value}" for name, value in self.options.items())
        lines = [self.scores.table(), f"Search: {options or 'the default'}."]
        if self.num_truncated:
            lines.append(f"Of {self.num_truncated:,} sources only the beginning was read.")
        if self.num_cut_off:
            lines.append(f"{self.num_cut_off:,} translations were cut off at the maximum length.")
        return "\n".join(lines)


def evaluate_translations(
    run, sources, references, metrics=METRICS, tokenize="13a", lowercase=False, **options
):
    """Translates sources and evaluates the translations.

    Each process of the run's distribution translates its share; all get the same result.

    Args:
        run: A `lm_zoo.run.Run` of a model that reads a source.
        sources: A list of strings.
        references: A string for each of them; or a list of several such lists.
        metrics: Any of `bleu`, `chrf` and `ter`.
        tokenize: BLEU's tokenization, by sacrebleu's name.
        lowercase: Whether case is ignored; see `translation_scores`.
        **options: Fields of `TranslationOptions`, e.g. `num_beams=5`.

    Returns:
        A `TranslationEvaluation`.

    Raises:
        UserError: For a source, reference or option that cannot be used; before translating if
            possible.
    """
    check_metrics(metrics, tokenize, lowercase)
    check_references(len(sources), references)
    distribution = run.distribution
    worker, num_workers = distribution.worker, distribution.num_workers
    with stage("Translating", distribution.is_chief) as update:
        translations = run.translate(sources[worker::num_workers], update, **options)
    best = [found[0] for found in translations]
    mine = [(each.text, each.truncated, each.finished_by == "length") for each in best]
    translated = [None] * len(sources)
    for first, part in enumerate(exchange(distribution, mine)):
        translated[first::num_workers] = part
    texts = [text for text, _, _ in translated]
    return TranslationEvaluation(
        scores=translation_scores(texts, references, metrics, tokenize, lowercase),
        translations=texts,
        options=options,
        num_truncated=sum(truncated for _, truncated, _ in translated),
        num_cut_off=sum(cut_off for _, _, cut_off in translated),
    )
