"""The report as one HTML page that needs nothing besides itself."""

import html

from lm_zoo.inspection.plots import bar_plot, line_plot
from lm_zoo.inspection.wording import (
    describe_segments,
    heading_of_batch,
    heading_of_text,
    notes,
    summary_rows,
    tables,
)

STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5a6675; --paper: #fff; --rule: #d9dee5;
  --mark: #1f5fbf; --tint: #eef3fa; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7ebf0; --soft: #a3afbd; --paper: #14181e;
  --rule: #343c47; --mark: #7db2ff; --tint: #1f2732; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 60rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }
h3 { font-size: 1rem; font-weight: 600; }
p.note, figcaption { color: var(--soft); font-size: .9rem; }
figure { margin: 1rem 0; overflow-x: auto; }
svg { width: 100%; height: auto; min-width: 34rem; max-width: 46rem; display: block; }
svg text { fill: var(--soft); font-size: 12px; } svg .label { fill: var(--ink); font-size: 13px; }
.grid { stroke: var(--rule); } .bar, .dot { fill: var(--mark); }
.line { fill: none; stroke: var(--mark); stroke-width: 2.5; stroke-linejoin: round; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; margin: .5rem 0; }
caption { text-align: left; color: var(--soft); font-size: .9rem; padding: .2rem 0; }
th, td { text-align: left; padding: .2rem .9rem .2rem 0; border-bottom: 1px solid var(--rule);
  vertical-align: top; font-variant-numeric: tabular-nums; }
.r { text-align: right; } summary { cursor: pointer; color: var(--soft); font-size: .9rem; }
ol.tokens { list-style: none; padding: 0; margin: .5rem 0; display: flex; flex-wrap: wrap;
  gap: .3rem; }
ol.tokens li { border: 1px solid var(--rule); border-radius: 3px; padding: 0 .35rem;
  font: 14px/1.45 ui-monospace, monospace; white-space: pre; text-align: center; }
ol.tokens small { display: block; color: var(--soft); font-size: 11px; }
ol.tokens .odd { background: var(--tint); }
ol.tokens .begins { border-left: 4px solid var(--mark); }
ol.tokens .padding { opacity: .55; border-style: dashed; }
""".strip()


def as_page(report):
    """Returns the report as the text of an HTML file."""
    title = f"{report['corpus']}, {report['split']}: the data as the model sees it"
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{_text(title)}</title>",
        f"<style>\n{STYLE}\n</style>",
        "</head>",
        "<body>",
        "<main>",
        f"<h1>{_text(title)}</h1>",
        _table("The split as a whole", ("", ""), summary_rows(report), "ll", header=False),
        *(f'<p class="note">{_text(note)}</p>' for note in notes(report)),
        *_plots(report),
        *_tables(report),
        *_texts(report),
        *_batches(report),
        "</main>",
        "</body>",
        "</html>",
    ]
    return "\n".join(parts) + "\n"


def _plots(report):
    lengths, vocabulary = report["lengths"], report["vocabulary"]
    parts = []
    if lengths:
        bars = [
            (f"{a:,}" if a == b else f"{a:,}-{b:,}", texts) for a, b, texts in lengths["histogram"]
        ]
        plot = bar_plot(
            "lengths",
            f"How long texts are, in {lengths['unit']}",
            f"Half of {lengths['texts']:,} texts have at most {lengths['p50']:,}, the longest "
            f"{lengths['most']:,}.",
            [(label.partition("-")[0], texts) for label, texts in bars],
            f"{lengths['unit']} (bins grow by a factor; the first of each is named)",
            "texts",
        )
        rows = [(label, f"{texts:,}") for label, texts in bars]
        parts += _figure("Lengths", plot, ("length", "texts"), rows)
    if vocabulary["zipf"]:
        rank, count = vocabulary["zipf"][-1]
        plot = line_plot(
            "zipf",
            "How often the token of each rank occurs",
            f"Both axes are logarithmic. The most frequent token occurs "
            f"{vocabulary['zipf'][0][1]:,} times, the one of rank {rank:,} {count:,} times. By "
            "Zipf's law it would be a straight line.",
            vocabulary["zipf"],
            "rank of the token",
            "occurrences",
            log_y=True,
        )
        rows = [(f"{x:,}", f"{y:,}") for x, y in vocabulary["zipf"]]
        parts += _figure("Rank and frequency (Zipf)", plot, ("rank", "occurrences"), rows)
        covering = next(c for c in vocabulary["covering"] if c["share"] == 0.9)
        plot = line_plot(
            "coverage",
            "How much of the text the most frequent tokens cover",
            f"The {covering['tokens']:,} most frequent tokens make up 90 % of the text.",
            vocabulary["coverage"],
            "most frequent tokens",
            "share of the text",
        )
        rows = [(f"{x:,}", f"{y:.2%}") for x, y in vocabulary["coverage"]]
        parts += _figure("Coverage", plot, ("most frequent tokens", "share"), rows)
    duplicates = report["duplicates"]
    bars = [(f"{row['split']}", round(100 * row["share"], 2)) for row in duplicates["within"]]
    bars += [
        (f"{row['split']}\nin {row['also_in']}", round(100 * row["share"], 2))
        for row in duplicates["across"]
    ]
    plot = bar_plot(
        "duplicates",
        f"{duplicates['unit'].capitalize()} that are there more than once",
        "; ".join(f"{label}: {share} per cent".replace("\n", " ") for label, share in bars) + ".",
        bars,
        f"{duplicates['unit']} that repeat one of their split, or stand in another split too",
        "per cent",
    )
    rows = [(label, f"{share} %") for label, share in bars]
    return parts + _figure("Exact duplicates", plot, ("where", "share"), rows)


def _figure(title, plot, headers, rows):
    return [
        f"<h2>{_text(title)}</h2>",
        f"<figure>\n{plot}\n</figure>",
        "<details><summary>The figures of this plot</summary>",
        _table(title, headers, rows, "rr"),
        "</details>",
    ]


def _tables(report):
    parts = ["<h2>Tables</h2>"]
    parts += [
        _table(title, headers, rows, align)
        for title, headers, rows, align in tables(report)
        if rows
    ]
    unused = report["vocabulary"]["unused_examples"]
    if unused:
        rows = [(str(token["id"]), token["text"]) for token in unused]
        title = f"Some of the {report['vocabulary']['unused']:,} tokens that never occur"
        parts.append(_table(title, ("id", "text"), rows, "rl"))
    return parts


def _table(caption, headers, rows, align, header=True):
    def row(cells, tag):
        return "".join(
            f"<{tag}{' class=r' if side == 'r' else ''}>{_text(cell)}</{tag}>"
            for cell, side in zip(cells, align)
        )

    lines = ['<div class="scroll"><table>', f"<caption>{_text(caption)}</caption>"]
    if header:
        lines.append(f"<thead><tr>{row(headers, 'th')}</tr></thead>")
    lines.append("<tbody>")
    lines += [f"<tr>{row(cells, 'td')}</tr>" for cells in rows]
    return "\n".join([*lines, "</tbody></table></div>"])


def _texts(report):
    if not report["texts"]:
        return []
    parts = ["<h2>Texts, token by token</h2>"]
    for text in report["texts"]:
        items = [f"<li>{_token(t)}<small>{t['id']}</small></li>" for t in text["shown"]]
        parts += [f"<h3>{_text(heading_of_text(text))}</h3>", _list(items)]
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
        parts.append(f"<h3>{_text(heading_of_batch(batch))}</h3>")
        for number, row in enumerate(batch["shown"]):
            segments = _text(describe_segments(row, batch))
            parts.append(f'<p class="note">Row {number}: {segments}.</p>')
            begins = {first for first, _ in row["segments"]} if batch["marked"] else set()
            items = []
            for place, token in enumerate(row["places"]):
                classes = [] if token["weight"] else ["padding"]
                classes += ["odd"] if (token["segment"] or 0) % 2 else []
                classes += ["begins"] if place in begins else []
                kind = f' class="{" ".join(classes)}"' if classes else ""
                target = f"{token['id']} → {token['target']}" if token["weight"] else "-"
                items.append(f"<li{kind}>{_token(token)}<small>{target}</small></li>")
            parts.append(_list(items))
    return parts


def _token(token):
    return _text(token["text"]) or "&nbsp;"


def _list(items):
    return '<ol class="tokens">\n' + "\n".join(items) + "\n</ol>"


def _text(value):
    return html.escape(str(value))
