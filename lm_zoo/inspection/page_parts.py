"""What the pages of inspection are made of: plots with their figures, tables, and tokens."""

from lm_zoo.html_page import escaped
from lm_zoo.inspection.plots import bar_plot, line_plot

MAX_BARS = 32  # of a plot of classes

STYLE = """
h2 { font-size: 1.2rem; margin-top: 2.5rem; } h3 { font-size: 1rem; font-weight: 600; }
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
""".lstrip()


def length_figure(lengths, number, before=""):
    """Returns the plot of a distribution of lengths with its figures.

    Args:
        lengths: From `describe_lengths`, or None.
        number: Of the field, for ids within the page.
        before: Its name as headings begin with it, or "".
    """
    if not lengths:
        return []
    bars = [
        (f"{first:,}", f"{first:,}" if first == last else f"{first:,}-{last:,}", texts)
        for first, last, texts in lengths["histogram"]
    ]
    return histogram_figure(
        f"lengths-{number}",
        f"{before}Lengths",
        f"How long texts are, in {lengths['unit']}",
        f"Half of {lengths['texts']:,} texts have at most {lengths['p50']:,}, the longest "
        f"{lengths['most']:,}.",
        bars,
        f"{lengths['unit']} (bins grow by a factor; the first of each is named)",
        "texts",
    )


def class_figure(of_field, number, before=""):
    """Returns the plot of how often the most frequent classes occur, with its figures."""
    if not of_field["labels"]:
        return []
    most = of_field["classes"][0]
    bars = [(c["text"][:12], c["text"], c["count"]) for c in of_field["classes"][:MAX_BARS]]
    return histogram_figure(
        f"classes-{number}",
        f"{before}Classes",
        "How often each class occurs",
        f"The most frequent of {of_field['used']:,} classes is {most['text']}, with "
        f"{most['share']:.2%} of all labels.",
        bars,
        "class, the most frequent first",
        "labels",
    )


def histogram_figure(name, heading, title, description, bars, x_label, y_label):
    """Returns a plot of bars with its figures.

    Args:
        name: An id within the page.
        heading: Above the plot.
        title: What it shows.
        description: The same in a sentence or two, for a screen reader.
        bars: From left to right `(label below the bar, label in the figures, height)`.
        x_label: Of the axis below.
        y_label: Of the axis at the side.
    """
    drawn = [(label, height) for label, _, height in bars]
    plot = bar_plot(name, title, description, drawn, x_label, y_label)
    rows = [(label, f"{height:,}") for _, label, height in bars]
    return figure(heading, plot, (x_label.partition(" (")[0], y_label), rows)


def token_figures(vocabulary, number, before=""):
    """Returns the plots of how often tokens occur and of what they cover, with their figures."""
    if not vocabulary["zipf"]:
        return []
    rank, count = vocabulary["zipf"][-1]
    plot = line_plot(
        f"zipf-{number}",
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
    parts = figure(f"{before}Rank and frequency (Zipf)", plot, ("rank", "occurrences"), rows)
    covering = next(c for c in vocabulary["covering"] if c["share"] == 0.9)
    plot = line_plot(
        f"coverage-{number}",
        "How much of the text the most frequent tokens cover",
        f"The {covering['tokens']:,} most frequent tokens make up 90 % of the text.",
        vocabulary["coverage"],
        "most frequent tokens",
        "share of the text",
    )
    rows = [(f"{x:,}", f"{y:.2%}") for x, y in vocabulary["coverage"]]
    return parts + figure(f"{before}Coverage", plot, ("most frequent tokens", "share"), rows)


def duplicate_figure(duplicates, number, before=""):
    """Returns the plot of duplicates with its figures."""
    bars = [(f"{row['split']}", round(100 * row["share"], 2)) for row in duplicates["within"]]
    bars += [
        (f"{row['split']}\nin {row['also_in']}", round(100 * row["share"], 2))
        for row in duplicates["across"]
    ]
    plot = bar_plot(
        f"duplicates-{number}",
        f"{duplicates['unit'].capitalize()} that occur more than once",
        "; ".join(f"{label}: {share} per cent".replace("\n", " ") for label, share in bars) + ".",
        bars,
        f"{duplicates['unit']} that repeat one of their split, or are in another split too",
        "per cent",
    )
    rows = [(label, f"{share} %") for label, share in bars]
    heading = f"{before}Exact duplicates of {duplicates['unit']}"
    return figure(heading, plot, ("where", "share"), rows)


def figure(title, plot, headers, rows):
    """Returns a plot under a heading, with its figures in a table to open."""
    return [
        f"<h2>{escaped(title)}</h2>",
        f"<figure>\n{plot}\n</figure>",
        "<details><summary>The figures of this plot</summary>",
        table(title, headers, rows, "rr"),
        "</details>",
    ]


def unused_table(vocabulary, before=""):
    """Returns the table of tokens that never occur, if there are any."""
    if not vocabulary["unused_examples"]:
        return []
    rows = [(str(token["id"]), token["text"]) for token in vocabulary["unused_examples"]]
    title = f"{before}Some of the {vocabulary['unused']:,} tokens that never occur"
    return [table(title, ("id", "text"), rows, "rl")]


def table(caption, headers, rows, align, header=True):
    """Returns a table under a caption, without its headings if `header` is false."""

    def row(cells, tag):
        return "".join(
            f"<{tag}{' class=r' if side == 'r' else ''}>{escaped(cell)}</{tag}>"
            for cell, side in zip(cells, align)
        )

    lines = ['<div class="scroll"><table>', f"<caption>{escaped(caption)}</caption>"]
    if header:
        lines.append(f"<thead><tr>{row(headers, 'th')}</tr></thead>")
    lines.append("<tbody>")
    lines += [f"<tr>{row(cells, 'td')}</tr>" for cells in rows]
    return "\n".join([*lines, "</tbody></table></div>"])


def token_text(token):
    """Returns a token's text as HTML."""
    return escaped(token["text"]) or "&nbsp;"


def token_list(items):
    """Returns tokens, each an `li` element, as a list."""
    return '<ol class="tokens">\n' + "\n".join(items) + "\n</ol>"
