"""The report as lines of text."""

from lm_zoo.tables import render
from lm_zoo.inspection.preview import interlinear
from lm_zoo.inspection.wording import (
    describe_segments,
    heading_of_batch,
    heading_of_text,
    notes,
    summary_rows,
    tables,
)

SHOWN_PLACES = 32  # of a batch's row


def as_text(report, width=100):
    """Returns the report as lines of text for a terminal of `width` columns."""
    lines = [render(("", ""), summary_rows(report))]
    for text in report["texts"]:
        lines += ["", heading_of_text(text) + ":"]
        shown = text["shown"]
        cells = {"text": [t["text"] for t in shown], "id": [str(t["id"]) for t in shown]}
        lines += interlinear(cells, width)
    for batch in report["batches"]:
        lines += ["", heading_of_batch(batch) + ":"]
        for number, row in enumerate(batch["shown"]):
            places = row["places"][:SHOWN_PLACES]
            lines += [f"  row {number}: {describe_segments(row, batch)}"]
            cells = {
                label: ["." if p[key] is None else str(p[key]) for p in places]
                for label, key in (
                    ("input", "text"),
                    ("id", "id"),
                    ("target", "target"),
                    ("weight", "weight"),
                    ("segment", "segment"),
                )
            }
            lines += interlinear(cells, width, "    ")
    for title, headers, rows, align in tables(report):
        if rows:
            lines += ["", f"{title}:", render(headers, rows, align)]
    return "\n".join([*lines, *(["", *notes(report)] if notes(report) else [])])
