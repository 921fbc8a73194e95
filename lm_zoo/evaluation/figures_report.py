"""What evaluation gives for a task that says no more of itself: figures, and what they are of."""

import dataclasses
import math
from typing import Any

from lm_zoo.errors import UserError
from lm_zoo.evaluation.training_cost import describe_checkpoint
from lm_zoo.figures import named_figure
from lm_zoo.tables import render


@dataclasses.dataclass
class FiguresReport:
    """Figures of one model on one split, with everything that they hang on.

    Attributes:
        task: Name of the task.
        model: Name of the model.
        parameters: Number of its parameters.
        split: Name of the split.
        text_sha256: Field name -> SHA-256 of its text in the split.
        tokenizers: Field name -> fingerprint of its tokenizer.
        examples: Number of examples.
        examples_not_scored: Those of the split that were too long for the model.
        figures: Tag -> number; `loss` is among them.
        better: Tag -> `min` or `max`, of the figures that runs are compared by.
        corpus: Name of the corpus.
        step: Updates behind the checkpoint, or None.
        training: What they took, from `training_cost`; empty where it is not known.
    """

    # What has to agree before two such reports are compared.
    IDENTITY = ("task", "split", "text_sha256", "examples", "examples_not_scored")

    task: str
    model: str
    parameters: int
    split: str
    text_sha256: dict[str, str]
    tokenizers: dict[str, str]
    examples: int
    examples_not_scored: int
    figures: dict[str, float]
    better: dict[str, str]
    corpus: str = ""
    step: int | None = None
    training: dict = dataclasses.field(default_factory=dict)

    @classmethod
    def of(
        cls, task: Any, model: Any, split: Any, figures: dict, not_scored: int = 0, **more: Any
    ) -> "FiguresReport":
        """Builds the report of a model measured on a split.

        Args:
            task: The `Task`.
            model: The model.
            split: The `ExampleSplit`.
            figures: Tag -> number.
            not_scored: Examples that were left out.
            **more: Fields of a subclass.

        Raises:
            UserError: If a figure is not a number.
        """
        for tag, value in figures.items():
            if not math.isfinite(value):
                raise UserError(
                    f"model: expected finite probabilities on the {split.name} split, received a "
                    f"{tag} of {value}; use an earlier checkpoint."
                )
        return cls(
            task=task.name,
            model=model.name,
            parameters=sum(math.prod(weight.shape) for weight in model.weights),
            split=split.name,
            text_sha256=dict(split.text_sha256),
            tokenizers={name: each.fingerprint for name, each in task.preprocessors.items()},
            examples=(split.num_examples or 0) - not_scored,
            examples_not_scored=not_scored,
            figures=figures,
            better={tag: better.__name__ for tag, better in task.monitors.items()},
            **more,
        )

    @property
    def identity(self) -> dict:
        """What has to agree before two such reports are compared."""
        return {name: getattr(self, name) for name in self.IDENTITY}

    def summary(self) -> str:
        """Returns the figures in a line."""
        return ", ".join(named_figure(tag, value) for tag, value in self.figures.items())

    def rows(self) -> list:
        """Returns `(name, value)` strings, the figures first."""
        left_out = f" ({self.examples_not_scored:,} not scored)" * bool(self.examples_not_scored)
        sha256 = ", ".join(f"{name} {sha[:12]}" for name, sha in self.text_sha256.items())
        tokenizers = ", ".join(f"{name} {print_[:12]}" for name, print_ in self.tokenizers.items())
        figures = (named_figure(tag, value).rsplit(" ", 1) for tag, value in self.figures.items())
        return [
            *map(tuple, figures),
            ("examples", f"{self.examples:,}{left_out}"),
            ("text", f"{self.corpus or 'corpus'}, {self.split}, sha256 {sha256}"),
            ("tokenizers", tokenizers),
            ("model", f"{self.model}, {self.parameters:,} parameters"),
            ("checkpoint", describe_checkpoint(self.step, self.training)),
        ]

    def __str__(self):
        return self.table()

    def table(self) -> str:
        """Returns the report as a table of text."""
        return render(("", ""), self.rows())

    def to_dict(self) -> dict:
        """Returns everything as plain values for JSON."""
        return dataclasses.asdict(self)

    def results(self, name: str) -> dict:
        """Returns file name -> values, to keep in the run's folder."""
        return {f"evaluation-{name}.json": self.to_dict()}
