"""The live bar of everything that takes long, where a terminal can show one."""

import sys

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Column

SECONDS_BETWEEN_LINES = 5.0  # of figures, where there is no bar


def terminal(stream=None):
    """Returns the `Console` of a stream, or None where no bar can be shown.

    Args:
        stream: Default: standard error as it is now.
    """
    console = Console(file=sys.stderr if stream is None else stream)
    return console if console.is_terminal and not console.is_dumb_terminal else None


def text_column(text):
    """Returns a column that is never broken into lines; `{task...}` in it is filled in."""
    return TextColumn(text, table_column=Column(no_wrap=True))


def bar_column():
    """Returns the column of the bar itself, which takes what the others leave."""
    return BarColumn(bar_width=None, table_column=Column(ratio=1))


def live_bar(console, *columns, transient=True):
    """Returns a `rich.progress.Progress` that is not started yet.

    Args:
        console: From `terminal`.
        *columns: What it shows, from left to right.
        transient: Whether nothing of it stays at the end.
    """
    return Progress(
        *columns,
        console=console,
        expand=True,
        transient=transient,
        refresh_per_second=4,
        # What other code prints passes above the bar only where it would mix with it.
        redirect_stdout=sys.stdout.isatty(),
        redirect_stderr=sys.stderr.isatty(),
    )
