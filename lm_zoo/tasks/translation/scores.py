"""What translations are worth, as numbers to keep, to show and to set side by side."""

import dataclasses
import typing

from lm_zoo.tables import render
from lm_zoo.tasks.translation.arguments import METRICS


@dataclasses.dataclass
class TranslationScores:
    """How near translations come to their references; JSON-ready by `to_dict`.

    A metric that was not asked for is None; of those that were, `signatures` says how they were
    counted.

    Attributes:
        num_pairs: Translations, each with its references.
        num_references: References of each.
        exact_match: Percent of the translations that equal one of their references.
        bleu: BLEU of the whole set (Papineni et al. 2002), 0 to 100.
        bleu_precisions: Percent of the translations' n-grams that references have, n of 1 to 4.
        brevity_penalty: BLEU's factor for translations that are too short, 0 to 1.
        hypothesis_length: BLEU's tokens of all translations.
        reference_length: Those of the references, each time of the one nearest in length.
        chrf: chrF2 (Popovic 2015), 0 to 100.
        ter: Translation edit rate (Snover et al. 2006), percent; lower is better.
        signatures: Metric -> sacrebleu's signature: tokenization, case, smoothing, version.
    """

    num_pairs: int
    num_references: int
    exact_match: float
    bleu: float | None = None
    bleu_precisions: list[float] | None = None
    brevity_penalty: float | None = None
    hypothesis_length: int | None = None
    reference_length: int | None = None
    chrf: float | None = None
    ter: float | None = None
    signatures: dict[str, str] = dataclasses.field(default_factory=dict)

    labels: typing.ClassVar = METRICS  # metric -> what people call it

    @property
    def values(self):
        """Metric -> number, of those that were asked for."""
        return {metric: getattr(self, metric) for metric in self.signatures}

    def to_dict(self):
        """Returns plain values for JSON."""
        return dataclasses.asdict(self) | {"labels": self.labels}

    def __str__(self):
        return self.table()

    def table(self):
        """Returns the scores as a table of text, with the signatures."""
        rows = [
            (METRICS[name], f"{value:.2f}", self.signatures[name])
            for name, value in self.values.items()
        ]
        if self.bleu is not None:
            precisions = "/".join(f"{value:.1f}" for value in self.bleu_precisions)
            lengths = f"{self.hypothesis_length:,} tokens of {self.reference_length:,}"
            rows.append(("n-gram precisions", precisions, ""))
            rows.append(("brevity penalty", f"{self.brevity_penalty:.4f}", lengths))
        of_each = f"{self.num_references} reference{'s' * (self.num_references > 1)} of each"
        rows.append(("exact match", f"{self.exact_match:.2f}%", ""))
        rows.append(("translations", f"{self.num_pairs:,}", of_each))
        return render(("", "", ""), rows)

    def results(self, name):
        """Returns nothing to keep: the translations were not the run's."""
        return {}
