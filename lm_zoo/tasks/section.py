"""A further section of `lm-zoo inspect`, which only a task knows how to count."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Histogram:
    """A plot of bars.

    Attributes:
        title: What it shows.
        description: The same in a sentence or two, for a screen reader.
        bars: From left to right `[label below the bar, label in the table of figures, height]`.
        x_label: Of the axis below.
        y_label: Of the axis at the side.
    """

    title: str
    description: str
    bars: list
    x_label: str
    y_label: str


@dataclasses.dataclass(frozen=True)
class Section:
    """A table, and what it was made of; everything is JSON-ready.

    Attributes:
        title: Heading of the plot.
        values: What was counted.
        caption: Of the table.
        headers: Of its columns.
        rows: Lists of strings.
        align: `l` or `r` for each column.
        histogram: A `Histogram`, or None.
    """

    title: str
    values: dict
    caption: str
    headers: list
    rows: list
    align: str
    histogram: Histogram | None = None
