"""The report as lines of text."""

from lm_zoo.inspection import wording
from lm_zoo.inspection.preview import interlinear
from lm_zoo.tables import render

SHOWN_PLACES = 32  # of a field of a batch's row


def as_text(report, width=100):
    """Returns the report as lines of text for a terminal of `width` columns."""
    lines = [render(("", ""), wording.summary_rows(report))]
    for example in report["examples"]["shown"]:
        lines += ["", wording.heading_of_example(example) + ":"]
        for name, of_field in example["fields"].items():
            shown = of_field["shown"]
            lines.append("  " + wording.heading_of_field(name, of_field) + ":")
            cells = {"text": [t["text"] for t in shown], "id": [str(t["id"]) for t in shown]}
            lines += interlinear(cells, width)
    for batch in report["batches"]:
        lines += ["", wording.heading_of_batch(batch) + ":"]
        for number, row in enumerate(batch["shown"]):
            for name, of_field in row.items():
                lines.append("  " + wording.heading_of_row(report, batch, number, name) + ":")
                lines += interlinear(_cells(of_field["places"][:SHOWN_PLACES]), width)
    for title, headers, rows, align in wording.tables(report):
        lines += ["", f"{title}:", render(headers, rows, align)]
    return "\n".join([*lines, *(["", *wording.notes(report)] if wording.notes(report) else [])])


def _cells(places):
    """Returns label -> cells, a dot where a place does not count."""
    return {
        key: [str(place[key]) if place["weight"] or key == "weight" else "." for place in places]
        for key in ("text", "id", "target", "weight", "segment")
        if all(key in place for place in places)
    }
