"""Tables as text: plain everywhere, with rich's rules and colours on a terminal."""

import io
import sys
import textwrap


def render(headers, rows, align=None):
    """Returns a table.

    Args:
        headers: Column headings; all empty for a table without.
        rows: Rows of strings.
        align: `l` or `r` for each column; default all left.

    Returns:
        Lines without a newline at the end.
    """
    rows = [tuple(str(cell) for cell in row) for row in rows]
    align = align or "l" * len(headers)
    if sys.stdout.isatty():
        return _rich(headers, rows, align)
    lines = rows if not any(headers) else [tuple(headers), *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(headers))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if side == "r" else cell.ljust(width)
            for cell, width, side in zip(line, widths, align)
        ).rstrip()
        for line in lines
    )


def definitions(rows, indent, width):
    """Returns lines with a name each at the left and its text beside it.

    Args:
        rows: `(name, text)`. A name too long for its place has a line of its own.
        indent: Where the texts begin, with two spaces before the names and after.
        width: Columns in all; longer texts are wrapped.
    """
    lines = []
    for name, text in rows:
        first, *rest = textwrap.wrap(text, width - indent) or [""]
        if len(name) > indent - 4:
            lines.append(f"  {name}")
            rest = [first, *rest]
        else:
            lines.append(f"  {name:{indent - 4}}  {first}".rstrip())
        lines += [" " * indent + line for line in rest]
    return lines


def _rich(headers, rows, align):
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE, show_header=any(headers))
    for header, side in zip(headers, align):
        table.add_column(header, justify="right" if side == "r" else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))  # not markup: names may hold brackets
    file = io.StringIO()
    Console(file=file, force_terminal=True).print(table)
    return file.getvalue().strip("\n")
