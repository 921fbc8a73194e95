"""The report as one HTML page that needs nothing besides itself."""

from lm_zoo.html_page import escaped, page
from lm_zoo.inspection import page_parts, wording


def as_page(report):
    """Returns the report as the text of an HTML file."""
    title = f"{report['corpus']}, {report['split']}: the data as the model sees it"
    texts = [
        (number, wording.name_before(report, name), of_field)
        for number, (name, of_field) in enumerate(wording.fields_of_kind(report, "text").items())
    ]
    parts = [
        page_parts.table(
            "The split as a whole", ("", ""), wording.summary_rows(report), "ll", header=False
        ),
        *(f'<p class="note">{escaped(note)}</p>' for note in wording.notes(report)),
    ]
    for number, before, of_field in texts:
        parts += page_parts.length_figure(of_field["lengths"], number, before)
    for number, section in enumerate(report["sections"]):
        if section["histogram"]:
            title_of = section["title"]
            parts += page_parts.histogram_figure(
                f"section-{number}", title_of, **section["histogram"]
            )
    for number, before, of_field in texts:
        parts += page_parts.token_figures(of_field["vocabulary"], number, before)
    for number, (name, of_field) in enumerate(wording.fields_of_kind(report, "label").items()):
        parts += page_parts.class_figure(of_field, number, wording.name_before(report, name))
    for number, (name, duplicates) in enumerate(report["duplicates"].items()):
        before = wording.name_before(report, name) if name in report["fields"] else ""
        parts += page_parts.duplicate_figure(duplicates, number, before)
    parts += ["<h2>Tables</h2>", *(page_parts.table(*found) for found in wording.tables(report))]
    for _, before, of_field in texts:
        parts += page_parts.unused_table(of_field["vocabulary"], before)
    return page(title, "\n".join([*parts, *_examples(report), *_batches(report)]), page_parts.STYLE)


def _examples(report):
    shown = report["examples"]["shown"]
    parts = ["<h2>Examples, token by token</h2>"] if shown else []
    for example in shown:
        parts.append(f"<h3>{escaped(wording.heading_of_example(example))}</h3>")
        for name, of_field in example["fields"].items():
            tokens = of_field["shown"]
            items = [f"<li>{page_parts.token_text(t)}<small>{t['id']}</small></li>" for t in tokens]
            heading = escaped(wording.heading_of_field(name, of_field))
            parts += [f'<p class="note">{heading}</p>', page_parts.token_list(items)]
    return parts


def _batches(report):
    if not report["batches"]:
        return []
    parts = [
        "<h2>Batches</h2>",
        '<p class="note">Under each token: its id and, where there is one, the id of its target. '
        "A thick edge begins a document that sees nothing before it; dashed places are padding, "
        "with weight 0.</p>",
    ]
    for batch in report["batches"]:
        parts.append(f"<h3>{escaped(wording.heading_of_batch(batch))}</h3>")
        for number, row in enumerate(batch["shown"]):
            for name, of_field in row.items():
                heading = escaped(wording.heading_of_row(report, batch, number, name))
                marked = batch["fields"][name]["documents"] is not None
                begins = {first for first, _ in of_field["segments"]} if marked else ()
                items = [
                    _place(token, place in begins) for place, token in enumerate(of_field["places"])
                ]
                parts += [
                    f'<p class="note">{heading[0].upper()}{heading[1:]}.</p>',
                    page_parts.token_list(items),
                ]
    return parts


def _place(token, begins):
    classes = [] if token["weight"] else ["padding"]
    classes += ["odd"] if (token.get("segment") or 0) % 2 else []
    classes += ["begins"] if begins else []
    kind = f' class="{" ".join(classes)}"' if classes else ""
    below = f"{token['id']} → {token['target']}" if "target" in token else str(token["id"])
    below = below if token["weight"] else "-"
    return f"<li{kind}>{page_parts.token_text(token)}<small>{below}</small></li>"
