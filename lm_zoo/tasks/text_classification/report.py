"""What evaluating a classifier gives: loss, accuracy, and how each label fares."""

import dataclasses

from lm_zoo.evaluation.figures_report import FiguresReport
from lm_zoo.figures import written
from lm_zoo.tables import render


@dataclasses.dataclass
class ClassificationReport(FiguresReport):
    """A `FiguresReport` with the counts of each label.

    Attributes:
        labels: Label -> `support` (examples that have it), `predicted` (those that were given it),
            `hits` (both), and `precision`, `recall` and `f1`; 0 where nothing was given or has it,
            as scikit-learn has it.
    """

    labels: dict[str, dict] = dataclasses.field(default_factory=dict)

    @classmethod
    def counted(cls, task, model, split, figures, labels, counts):
        """Builds the report.

        Args:
            task: The `Task`.
            model: The model.
            split: The `ExampleSplit`.
            figures: `loss` and `accuracy`.
            labels: The labels, in the order of the counts.
            counts: `labelled`, `predicted` and `hits`, arrays of a number for each label.
        """
        rows = zip(counts["labelled"], counts["predicted"], counts["hits"])
        by_label = {label: _fares(*map(int, row)) for label, row in zip(labels, rows)}
        macro = sum(found["f1"] for found in by_label.values()) / len(by_label)
        return cls.of(task, model, split, figures | {"macro_f1": macro}, labels=by_label)

    def table(self):
        rows = [
            (
                label,
                *(written(found[name]) for name in ("precision", "recall", "f1")),
                f"{found['support']:,}",
            )
            for label, found in self.labels.items()
        ]
        by_label = render(("label", "precision", "recall", "F1", "examples"), rows, "lrrrr")
        return f"{super().table()}\n\n{by_label}"


def _fares(support, predicted, hits):
    precision = hits / predicted if predicted else 0.0
    recall = hits / support if support else 0.0
    f1 = 2 * hits / (support + predicted) if support + predicted else 0.0
    counts = {"support": support, "predicted": predicted, "hits": hits}
    return counts | {"precision": precision, "recall": recall, "f1": f1}
