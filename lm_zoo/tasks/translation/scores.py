"""What translations are worth, as numbers to keep, to show and to set side by side."""

import dataclasses

from lm_zoo.errors import UserError
from lm_zoo.evaluation.tables import render
from lm_zoo.tasks.translation.evaluation_options import METRICS


@dataclasses.dataclass
class TranslationScores:
    """How near translations come to their references; JSON-ready by `to_dict`.

    A metric that was not asked for is None.

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

    def to_dict(self):
        """Returns plain values for JSON."""
        return dataclasses.asdict(self)

    def table(self):
        """Returns the scores as a table of text."""
        return render_scores(self)

    def results(self, name):
        """Returns nothing to keep: the translations were not the run's."""
        return {}

    @classmethod
    def from_dict(cls, values):
        """Builds it from what `to_dict` returned, among other values perhaps.

        Raises:
            UserError: For anything else.
        """
        names = [field.name for field in dataclasses.fields(cls)]
        try:
            scores = cls(**{name: values[name] for name in names})
            right = isinstance(scores.num_pairs, int) and all(
                isinstance(getattr(scores, name), float) and isinstance(signature, str)
                for name, signature in scores.signatures.items()
            )
        except (AttributeError, KeyError, TypeError):
            right = False
        if not right:
            raise UserError(
                f"translation scores: expected those that `lm-zoo evaluate` wrote, received "
                f"{values!r:.80}; evaluate the run anew."
            )
        return scores


def check_like_scores(named):
    """Raises a `UserError` unless scores were counted alike, naming what differs.

    Args:
        named: Name -> `TranslationScores`.
    """
    for metric in ("num_pairs", *METRICS):
        counted = {
            name: scores.num_pairs if metric == "num_pairs" else scores.signatures.get(metric)
            for name, scores in named.items()
        }
        counted = {name: value for name, value in counted.items() if value is not None}
        for name, value in counted.items():
            first_name, first = next(iter(counted.items()))
            if value != first:
                what = metric if metric == "num_pairs" else f"the signature of {metric}"
                raise UserError(
                    f"compare: {what} differs, so the scores are unlike: {first!r} in "
                    f"{first_name}, {value!r} in {name}; evaluate both alike."
                )


def describe_signatures(named):
    """Returns a line for each metric of some like `TranslationScores`, by name."""
    signatures = {}
    for scores in named.values():
        signatures |= scores.signatures
    return [f"{metric}: {signature}" for metric, signature in signatures.items()]


def render_scores(scores):
    """Returns `TranslationScores` as a table of text, with the signatures."""
    rows = [
        (METRICS[name], f"{getattr(scores, name):.2f}", signature)
        for name, signature in scores.signatures.items()
    ]
    if scores.bleu is not None:
        precisions = "/".join(f"{value:.1f}" for value in scores.bleu_precisions)
        lengths = f"{scores.hypothesis_length:,} tokens of {scores.reference_length:,}"
        rows.append(("n-gram precisions", precisions, ""))
        rows.append(("brevity penalty", f"{scores.brevity_penalty:.4f}", lengths))
    references = scores.num_references
    of_each = f"{references} reference{'s' if references > 1 else ''} of each"
    rows.append(("exact match", f"{scores.exact_match:.2f}%", ""))
    rows.append(("translations", f"{scores.num_pairs:,}", of_each))
    return render(("", "", ""), rows)
