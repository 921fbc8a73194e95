"""The report as one HTML page that needs nothing besides itself."""

from lm_zoo.inspection import page_figures, wording
from lm_zoo.templates import render


def as_page(report):
    """Returns the report as the text of an HTML file."""
    return render(
        "data_report.html",
        title=f"{report['corpus']}, {report['split']}: the data as the model sees it",
        summary=wording.summary_rows(report),
        notes=wording.notes(report),
        figures=list(page_figures.figures(report)),
        tables=[*wording.tables(report), *_unused(report)],
        examples=list(_examples(report)),
        batches=list(_batches(report)),
    )


def _unused(report):
    """Yields a table of tokens that never occur, for each field that has some."""
    for name, of_field in wording.fields_of_kind(report, "text").items():
        vocabulary = of_field["vocabulary"]
        rows = [(str(token["id"]), token["text"]) for token in vocabulary["unused_examples"]]
        if rows:
            before = wording.name_before(report, name)
            title = f"{before}Some of the {vocabulary['unused']:,} tokens that never occur"
            yield title, ("id", "text"), rows, "rl"


def _examples(report):
    """Yields `(heading, fields)`, a field being `(heading, tokens)`."""
    for example in report["examples"]["shown"]:
        yield (
            wording.heading_of_example(example),
            [
                (wording.heading_of_field(name, of_field), of_field["shown"])
                for name, of_field in example["fields"].items()
            ],
        )


def _batches(report):
    """Yields `(heading, rows)`, a row being `(heading, tokens, where documents begin)`."""
    for batch in report["batches"] or ():
        yield (
            wording.heading_of_batch(batch),
            [
                (
                    wording.heading_of_row(report, batch, number, name),
                    of_field["places"],
                    _beginnings(batch["fields"][name], of_field),
                )
                for number, row in enumerate(batch["shown"])
                for name, of_field in row.items()
            ],
        )


def _beginnings(field, of_field):
    return {first for first, _ in of_field["segments"]} if field["documents"] is not None else ()
