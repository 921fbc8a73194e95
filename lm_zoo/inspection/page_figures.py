"""The plots of the report's page, each with its figures."""

import typing

from lm_zoo.inspection import wording
from lm_zoo.plots import bar_plot, line_plot
from lm_zoo.templates import Markup

MAX_BARS = 32  # of a plot of classes


class Figure(typing.NamedTuple):
    """A plot and its figures.

    Attributes:
        heading: Above both.
        plot: An `svg` element, as `Markup`.
        headers: Of the two columns of figures.
        rows: The figures, `(text, text)` each.
    """

    heading: str
    plot: Markup
    headers: tuple
    rows: list


def figures(report):
    """Yields the `Figure`s of a report, in the page's order."""
    texts = list(_fields(report, "text"))
    for number, before, of_field in texts:
        yield from _lengths(of_field["lengths"], number, before)
    for number, section in enumerate(report["sections"]):
        if section["histogram"]:
            yield _histogram(f"section-{number}", section["title"], **section["histogram"])
    for number, before, of_field in texts:
        yield from _tokens(of_field["vocabulary"], number, before)
    for number, before, of_field in _fields(report, "label"):
        yield from _classes(of_field, number, before)
    for number, (name, duplicates) in enumerate(report["duplicates"].items()):
        before = wording.name_before(report, name) if name in report["fields"] else ""
        yield _duplicates(duplicates, number, before)


def _fields(report, kind):
    """Yields `(number, how headings begin, what is known of it)` for the fields of a kind."""
    for number, (name, of_field) in enumerate(wording.fields_of_kind(report, kind).items()):
        yield number, wording.name_before(report, name), of_field


def _lengths(lengths, number, before):
    if not lengths:
        return
    bars = [
        (f"{first:,}", f"{first:,}" if first == last else f"{first:,}-{last:,}", texts)
        for first, last, texts in lengths["histogram"]
    ]
    yield _histogram(
        f"lengths-{number}",
        f"{before}Lengths",
        f"How long texts are, in {lengths['unit']}",
        f"Half of {lengths['texts']:,} texts have at most {lengths['p50']:,}, the longest "
        f"{lengths['most']:,}.",
        bars,
        f"{lengths['unit']} (bins grow by a factor; the first of each is named)",
        "texts",
    )


def _classes(of_field, number, before):
    if not of_field["labels"]:
        return
    most = of_field["classes"][0]
    bars = [(c["text"][:12], c["text"], c["count"]) for c in of_field["classes"][:MAX_BARS]]
    yield _histogram(
        f"classes-{number}",
        f"{before}Classes",
        "How often each class occurs",
        f"The most frequent of {of_field['used']:,} classes is {most['text']}, with "
        f"{most['share']:.2%} of all labels.",
        bars,
        "class, the most frequent first",
        "labels",
    )


def _histogram(name, heading, title, description, bars, x_label, y_label):
    """Returns a `Figure` of bars.

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
    return Figure(heading, plot, (x_label.partition(" (")[0], y_label), rows)


def _tokens(vocabulary, number, before):
    """Yields how often tokens occur, and what they cover."""
    if not vocabulary["zipf"]:
        return
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
    yield Figure(f"{before}Rank and frequency (Zipf)", plot, ("rank", "occurrences"), rows)
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
    yield Figure(f"{before}Coverage", plot, ("most frequent tokens", "share"), rows)


def _duplicates(duplicates, number, before):
    bars = [(f"{row['split']}", round(100 * row["share"], 2)) for row in duplicates["within"]]
    bars += [
        (f"{row['split']}\nin {row['also_in']}", round(100 * row["share"], 2))
        for row in duplicates["across"]
    ]
    plot = bar_plot(
        f"duplicates-{number}",
        f"{duplicates['unit'].capitalize()} that are there more than once",
        "; ".join(f"{label}: {share} per cent".replace("\n", " ") for label, share in bars) + ".",
        bars,
        f"{duplicates['unit']} that repeat one of their split, or are in another split too",
        "per cent",
    )
    rows = [(label, f"{share} %") for label, share in bars]
    heading = f"{before}Exact duplicates of {duplicates['unit']}"
    return Figure(heading, plot, ("where", "share"), rows)
