"""The report on sentence pairs as lines of text."""

from lm_zoo.tables import render
from lm_zoo.inspection.pair_wording import (
    SIDES,
    heading_of_batch,
    heading_of_pair,
    heading_of_side,
    notes,
    summary_rows,
    tables,
)
from lm_zoo.inspection.preview import interlinear
from lm_zoo.inspection.terminal import SHOWN_PLACES


def pairs_as_text(report, width=100):
    """Returns the report as lines of text for a terminal of `width` columns."""
    lines = [render(("", ""), summary_rows(report))]
    for text in report["texts"]:
        lines += ["", heading_of_pair(text) + ":"]
        for side in SIDES:
            shown = text[side]["shown"]
            lines.append("  " + heading_of_side(side, text[side]) + ":")
            cells = {"text": [t["text"] for t in shown], "id": [str(t["id"]) for t in shown]}
            lines += interlinear(cells, width, "    ")
    for batch in report["batches"]:
        lines += ["", heading_of_batch(batch) + ":"]
        for number, row in enumerate(batch["shown"]):
            lines.append(f"  row {number}:")
            lines += interlinear(_cells(row["source"], "source"), width, "    ") + [""]
            lines += interlinear(_cells(row["target"], "input"), width, "    ")
    for title, headers, rows, align in tables(report):
        if rows:
            lines += ["", f"{title}:", render(headers, rows, align)]
    return "\n".join([*lines, *(["", *notes(report)] if notes(report) else [])])


def _cells(places, label):
    places = places[:SHOWN_PLACES]
    keys = {label: "text", "id": "id", "target": "target", "weight": "weight"}
    return {
        name: [str(place[key]) if place["weight"] else "." for place in places]
        for name, key in keys.items()
        if all(key in place for place in places)
    }
