"""The report on sentence pairs as one HTML page."""

from lm_zoo.html_page import escaped, page
from lm_zoo.inspection.page_parts import (
    STYLE,
    duplicate_figure,
    figure,
    length_figure,
    table,
    tables_of,
    token_figures,
    token_list,
    token_text,
    unused_table,
)
from lm_zoo.inspection.pair_wording import (
    SIDES,
    heading_of_batch,
    heading_of_pair,
    heading_of_side,
    notes,
    summary_rows,
    tables,
)
from lm_zoo.inspection.plots import bar_plot


def pairs_as_page(report):
    """Returns the report as the text of an HTML file."""
    title = f"{report['corpus']}, {report['split']}: the pairs as the model sees them"
    parts = [
        table("The split as a whole", ("", ""), summary_rows(report), "ll", header=False),
        *(f'<p class="note">{escaped(note)}</p>' for note in notes(report)),
    ]
    for side in SIDES:
        lengths = report["sides"][side]["lengths"]
        parts += length_figure(lengths, f"lengths-{side}", f"Lengths of {side}s")
    parts += _ratio_figure(report["ratio"])
    for side in SIDES:
        vocabulary = report["sides"][side]["vocabulary"]
        parts += token_figures(vocabulary, f"-{side}", f" of {side}s")
    for unit, duplicates in report["duplicates"].items():
        parts += duplicate_figure(duplicates, f"duplicates-{unit}")
    parts += ["<h2>Tables</h2>", *tables_of(tables(report))]
    for side in SIDES:
        parts += unused_table(report["sides"][side]["vocabulary"])
    parts += _texts(report) + _batches(report)
    return page(title, "\n".join(parts), STYLE)


def _ratio_figure(ratio):
    if not ratio:
        return []
    bars = [
        (f"{low:.2f}", f"{low:.2f} or more" if high is None else f"{low:.2f} to {high:.2f}", count)
        for low, high, count in ratio["histogram"]
    ]
    plot = bar_plot(
        "ratio",
        "How long targets are for their sources",
        f"Half of the targets have at most {ratio['p50']:.2f} tokens for each of their source's, "
        f"the longest {ratio['most']:.2f}.",
        [(label, count) for label, _, count in bars],
        "target tokens per token of the source (where each bin begins)",
        "pairs",
    )
    rows = [(label, f"{count:,}") for _, label, count in bars]
    return figure("Ratio of lengths", plot, ("target tokens per source token", "pairs"), rows)


def _texts(report):
    parts = ["<h2>Pairs, token by token</h2>"] if report["texts"] else []
    for text in report["texts"]:
        parts.append(f"<h3>{escaped(heading_of_pair(text))}</h3>")
        for side in SIDES:
            items = [
                f"<li>{token_text(token)}<small>{token['id']}</small></li>"
                for token in text[side]["shown"]
            ]
            heading = escaped(heading_of_side(side, text[side]))
            parts += [f'<p class="note">{heading}</p>', token_list(items)]
    return parts


def _batches(report):
    if not report["batches"]:
        return []
    parts = [
        "<h2>Batches</h2>",
        '<p class="note">Under each token: its id and, for what the model writes, the id of its '
        "target. Dashed places are padding, with weight 0.</p>",
    ]
    for batch in report["batches"]:
        parts.append(f"<h3>{escaped(heading_of_batch(batch))}</h3>")
        for number, row in enumerate(batch["shown"]):
            for side in SIDES:
                items = [_place(place) for place in row[side]]
                parts += [f'<p class="note">Row {number}, {side}</p>', token_list(items)]
    return parts


def _place(place):
    kind = "" if place["weight"] else ' class="padding"'
    below = f"{place['id']} → {place['target']}" if "target" in place else str(place["id"])
    return f"<li{kind}>{token_text(place)}<small>{below if place['weight'] else '-'}</small></li>"
