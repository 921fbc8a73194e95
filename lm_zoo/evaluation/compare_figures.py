"""Sets reports of figures side by side, and refuses those that are not of the same examples."""

import dataclasses

from lm_zoo.errors import UserError
from lm_zoo.evaluation.figures_report import FiguresReport
from lm_zoo.evaluation.training_cost import check_cost, cost_table
from lm_zoo.figures import NAMES, written
from lm_zoo.files.json_files import NotJson, check, natural
from lm_zoo.tables import render

_REPORT = {
    "task": str,
    "model": str,
    "parameters": natural,
    "split": str,
    "text_sha256": {str: str},
    "examples": natural,
    "examples_not_scored": natural,
    "figures": {str: float},
    "better": {str: str},
    "step": (natural, None),
    "training": dict,
}

_OF_RUNS = ("model", "parameters", "step", "training")


@dataclasses.dataclass
class FiguresComparison:
    """Reports of one task, best first; printed, it is a table.

    Attributes:
        by: The figure that they are ranked by.
        rows: A dict for each report: `name`, `model`, `parameters`, `step`, `training` and its
            figures.
    """

    by: str
    rows: list[dict]

    def to_dict(self) -> dict:
        """Returns plain values for JSON."""
        return dataclasses.asdict(self)

    def __str__(self):
        return self.table()

    def table(self) -> str:
        """Returns the comparison as a table of text."""
        rows, by = self.rows, self.by
        shown = [key for key in rows[0] if key not in ("name", *_OF_RUNS)]
        headers = ["run", *(NAMES.get(tag, tag) for tag in shown)]
        cells = [[row["name"], *(written(row[t]) for t in shown)] for row in rows]
        table = render(headers, cells, "l" + "r" * len(shown))
        return f"{table}\nBest first, by {NAMES.get(by, by)}.\n\n{cost_table(rows)}"


def unlike(what, mine, name, theirs, other_name, advice, figures="figures"):
    """Builds the error for two evaluations that differ in something, as both have it."""
    return UserError(
        f"compare: {what} differs, so the {figures} are not comparable: {mine} in {name}, "
        f"{theirs} in {other_name}; {advice}."
    )


def is_figures(values):
    """Whether what was read of a file of results is such a report."""
    return isinstance(values, dict) and {"task", "figures", "better"} <= values.keys()


def compare_figures(named):
    """Ranks reports of one task on the same examples.

    They are ranked by the first figure of which more is better, or else by the first.

    Args:
        named: Name -> what `FiguresReport.to_dict` gave.

    Returns:
        A `FiguresComparison`.

    Raises:
        UserError: For anything else, and where the reports are unlike, naming the field and both
            values.
    """
    first_name, first = next(iter(named.items()))
    for name, values in named.items():
        try:
            check(values, _REPORT)
            check_cost(values["training"], "training")
        except NotJson as error:
            raise UserError(
                f"compare: {name} is not a report of figures ({error}); compare runs of one task "
                "that `lm-zoo evaluate` evaluated."
            ) from None
        for field in FiguresReport.IDENTITY:
            if values[field] != first[field]:
                mine, theirs = f"{first[field]!r:.80}", f"{values[field]!r:.80}"
                advice = "evaluate both on the same examples"
                raise unlike(field, mine, first_name, theirs, name, advice)
    better = first["better"]
    by = next((tag for tag, which in better.items() if which == "max"), next(iter(better)))
    rows = [
        {"name": name, **{key: values[key] for key in _OF_RUNS}} | values["figures"]
        for name, values in named.items()
    ]
    rows.sort(key=lambda row: row[by], reverse=better[by] == "max")
    return FiguresComparison(by, rows)
