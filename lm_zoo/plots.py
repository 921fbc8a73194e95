"""Small plots as SVG: bars and lines, drawn with the page's own colours, light or dark.

Each has a title and a description for readers who cannot see it, and its figures stand in a table
beside it (`data_report.html`).
"""

import math

from lm_zoo.templates import Markup, escape

WIDTH, HEIGHT = 640, 300
LEFT, RIGHT, TOP, BOTTOM = 72, 16, 14, 60


def bar_plot(name, title, description, bars, x_label, y_label):
    """Draws a histogram.

    Args:
        name: An id within the page.
        title: What it shows.
        description: The same in a sentence or two, for a screen reader.
        bars: `(label, height)` from left to right; a label may have two lines.
        x_label: Of the axis below.
        y_label: Of the axis at the side.

    Returns:
        An `svg` element, as `Markup`.
    """
    most = max((height for _, height in bars), default=0) or 1
    ticks = _ticks(most)
    top = ticks[-1]
    step = (WIDTH - LEFT - RIGHT) / max(1, len(bars))
    parts = [_y_tick(_y(tick / top), _short(tick)) for tick in ticks]
    every = -(-len(bars) // 8)  # labels that do not run into each other
    for index, (label, height) in enumerate(bars):
        x, y = LEFT + index * step, _y(height / top)
        parts.append(
            f'<rect class="bar" x="{x + 1:.1f}" y="{y:.1f}" width="{max(step - 2, 0.5):.1f}" '
            f'height="{HEIGHT - BOTTOM - y:.1f}"><title>{escape(label)}: '
            f"{height:,}</title></rect>"
        )
        if index % every == 0:
            parts.append(_x_tick(x + step / 2, label))
    return _svg(name, title, description, parts, x_label, y_label)


def line_plot(name, title, description, points, x_label, y_label, log_y=False):
    """Draws a curve over a logarithmic axis.

    Args:
        name: An id within the page.
        title: What it shows.
        description: The same in a sentence or two, for a screen reader.
        points: `(x, y)`, x ascending from 1 on; y above 0 if `log_y`, else from 0 to 1.
        x_label: Of the axis below.
        y_label: Of the axis at the side.
        log_y: Whether that one is logarithmic too; else it is a share, in per cent.

    Returns:
        An `svg` element, as `Markup`.
    """
    last = max((x for x, _ in points), default=1)
    x_decades = max(1, math.ceil(math.log10(last) - 1e-9))
    highest = max((y for _, y in points), default=1)
    y_decades = max(1, math.ceil(math.log10(max(highest, 1)) - 1e-9)) if log_y else 1

    def place(x, y):
        share = math.log10(y) / y_decades if log_y else y
        return LEFT + (WIDTH - LEFT - RIGHT) * math.log10(x) / x_decades, _y(share)

    parts = [_x_tick(place(10**n, 1)[0], _short(10**n)) for n in range(x_decades + 1)]
    if log_y:
        parts += [_y_tick(_y(n / y_decades), _short(10**n)) for n in range(y_decades + 1)]
    else:
        parts += [_y_tick(_y(n / 5), f"{20 * n} %") for n in range(6)]
    drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in points))
    if len(points) == 1:
        x, y = place(*points[0])
        parts.append(f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="4"/>')
    parts.append(f'<polyline class="line" points="{drawn}"/>')
    return _svg(name, title, description, parts, x_label, y_label)


def curves_plot(name, title, description, curves, x_label, y_label):
    """Draws several curves over two linear axes.

    Args:
        name: An id within the page.
        title: What they show.
        description: The same in a sentence or two, for a screen reader.
        curves: What each is called -> its points `(x, y)`, x ascending. The n-th has the class `cN`,
            of eight.
        x_label: Of the axis below, which begins at 0.
        y_label: Of the axis at the side.

    Returns:
        An `svg` element, as `Markup`.
    """
    points = [point for curve in curves.values() for point in curve]
    x_ticks = _ticks(max(x for x, _ in points) or 1)
    low, high = min(y for _, y in points), max(y for _, y in points)
    step = _step((high - low) / 4 or abs(high) or 1)
    first, last = math.floor(low / step), max(math.ceil(high / step), math.floor(low / step) + 1)
    y_ticks = [step * n for n in range(first, last + 1)]

    def place(x, y):
        share = (y - y_ticks[0]) / (y_ticks[-1] - y_ticks[0])
        return LEFT + (WIDTH - LEFT - RIGHT) * x / x_ticks[-1], _y(share)

    parts = [_x_tick(place(x, low)[0], _short(x)) for x in x_ticks]
    parts += [_y_tick(place(0, y)[1], f"{y:.4g}") for y in y_ticks]
    for number, (label, curve) in enumerate(curves.items()):
        kind = f'class="curve c{number % 8}"'
        drawn = [place(*point) for point in curve]
        if len(drawn) == 1:
            x, y = drawn[0]
            parts.append(f'<circle {kind} cx="{x:.1f}" cy="{y:.1f}" r="4"/>')
        listed = " ".join(f"{x:.1f},{y:.1f}" for x, y in drawn)
        parts.append(
            f'<polyline {kind} points="{listed}"><title>{escape(label)}</title></polyline>'
        )
    return _svg(name, title, description, parts, x_label, y_label)


def _svg(name, title, description, parts, x_label, y_label):
    middle = (TOP + HEIGHT - BOTTOM) / 2
    lines = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-labelledby="{name}-title {name}-description">',
        f'<title id="{name}-title">{escape(title)}</title>',
        f'<desc id="{name}-description">{escape(description)}</desc>',
        *parts,
        f'<text class="label" x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{HEIGHT - 6}" '
        f'text-anchor="middle">{escape(x_label)}</text>',
        f'<text class="label" transform="translate(14 {middle:.0f}) rotate(-90)" '
        f'text-anchor="middle">{escape(y_label)}</text>',
        "</svg>",
    ]
    return Markup("\n".join(lines))


def _y(share):
    return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * share


def _x_tick(x, label):
    return "".join(
        f'<text class="tick" x="{x:.1f}" y="{HEIGHT - BOTTOM + 17 + 14 * number}" '
        f'text-anchor="middle">{escape(line)}</text>'
        for number, line in enumerate(str(label).split("\n"))
    )


def _y_tick(y, label):
    return (
        f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text class="tick" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{escape(label)}</text>'
    )


def _ticks(most):
    """Returns round numbers from 0 to `most` or just above it, five or so."""
    step = _step(most / 4)
    return [step * n for n in range(math.ceil(most / step) + 1)]


def _step(rough):
    """Returns a round number that is not less."""
    unit = 10 ** math.floor(math.log10(rough))
    return next(unit * m for m in (1, 2, 2.5, 5, 10) if unit * m >= rough * (1 - 1e-9))


def _short(number):
    """Returns 2500000 as 2.5M."""
    for size, suffix in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= size:
            return f"{number / size:.3g}{suffix}"
    return f"{number:.3g}"
