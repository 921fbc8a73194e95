"""What the user sees while lines are translated: a live bar on a terminal, else nothing."""

import sys

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column


class TranslationProgress:
    """Shows how many lines are done, how fast, and the time left. Use it as a context manager.

    Args:
        total: Number of lines, or None where that is not known.
        stream: Where to write; default: standard error as it is now.
    """

    def __init__(self, total, stream=None):
        console = Console(file=sys.stderr if stream is None else stream)
        self._bar = None
        if console.is_terminal and not console.is_dumb_terminal:
            self._bar = Progress(
                *_columns(total),
                console=console,
                expand=True,
                transient=True,
                refresh_per_second=4,
                redirect_stdout=sys.stdout.isatty(),
                redirect_stderr=sys.stderr.isatty(),
            )
            self._task = self._bar.add_task("", total=total, figures="")

    def update(self, done):
        """Shows how many lines are done."""
        if self._bar:
            seconds = self._bar.tasks[0].elapsed or 0
            figures = f"{done / seconds:,.1f} lines/s" if seconds else ""
            self._bar.update(self._task, completed=done, figures=figures)

    def __enter__(self):
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, *exception):
        if self._bar:
            self._bar.stop()


def _columns(total):
    figures = TextColumn("{task.fields[figures]}", table_column=Column(no_wrap=True))
    if total is None:
        lines = TextColumn("{task.completed:,} lines", table_column=Column(no_wrap=True))
        return SpinnerColumn(), lines, figures, TimeElapsedColumn()
    bar = BarColumn(bar_width=None, table_column=Column(ratio=1))
    return MofNCompleteColumn(), bar, figures, TimeRemainingColumn(compact=True)
