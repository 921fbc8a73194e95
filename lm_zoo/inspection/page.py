"""The report as one HTML page that needs nothing besides itself."""

from lm_zoo.html_page import escaped, page
from lm_zoo.inspection.page_parts import (
    STYLE,
    duplicate_figure,
    length_figure,
    table,
    tables_of,
    token_figures,
    token_list,
    token_text,
    unused_table,
)
from lm_zoo.inspection.wording import (
    describe_segments,
    heading_of_batch,
    heading_of_text,
    notes,
    summary_rows,
    tables,
)


def as_page(report):
    """Returns the report as the text of an HTML file."""
    title = f"{report['corpus']}, {report['split']}: the data as the model sees it"
    parts = [
        table("The split as a whole", ("", ""), summary_rows(report), "ll", header=False),
        *(f'<p class="note">{escaped(note)}</p>' for note in notes(report)),
        *length_figure(report["lengths"]),
        *token_figures(report["vocabulary"]),
        *duplicate_figure(report["duplicates"]),
        "<h2>Tables</h2>",
        *tables_of(tables(report)),
        *unused_table(report["vocabulary"]),
        *_texts(report),
        *_batches(report),
    ]
    return page(title, "\n".join(parts), STYLE)


def _texts(report):
    if not report["texts"]:
        return []
    parts = ["<h2>Texts, token by token</h2>"]
    for text in report["texts"]:
        items = [f"<li>{token_text(t)}<small>{t['id']}</small></li>" for t in text["shown"]]
        parts += [f"<h3>{escaped(heading_of_text(text))}</h3>", token_list(items)]
    return parts


def _batches(report):
    if not report["batches"]:
        return []
    parts = [
        "<h2>Batches</h2>",
        '<p class="note">Under each input token: its id, and the id of its target. A thick edge '
        "begins a document that sees nothing before it; dashed places are padding, with weight "
        "0.</p>",
    ]
    for batch in report["batches"]:
        parts.append(f"<h3>{escaped(heading_of_batch(batch))}</h3>")
        for number, row in enumerate(batch["shown"]):
            segments = escaped(describe_segments(row, batch))
            parts.append(f'<p class="note">Row {number}: {segments}.</p>')
            begins = {first for first, _ in row["segments"]} if batch["marked"] else set()
            items = []
            for place, token in enumerate(row["places"]):
                classes = [] if token["weight"] else ["padding"]
                classes += ["odd"] if (token["segment"] or 0) % 2 else []
                classes += ["begins"] if place in begins else []
                kind = f' class="{" ".join(classes)}"' if classes else ""
                target = f"{token['id']} → {token['target']}" if token["weight"] else "-"
                items.append(f"<li{kind}>{token_text(token)}<small>{target}</small></li>")
            parts.append(token_list(items))
    return parts
