"""A bar on a terminal that shows how far something is: the one for training, text and downloads."""

import sys

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn
from rich.table import Column
from rich.text import Text

SECONDS_BETWEEN_LINES = 5.0  # of plain lines, in place of the bar where there is no terminal


class Bar:
    """A live bar with figures and the time left, on a terminal; anywhere else nothing.

    It shows what is done, or how much of it without a description; the bar; the figures of the last
    update; and the time left, or the time taken where the total is not known. Close it, or use it as
    a context manager.

    Args:
        description: What is being done; "" shows the counts in its place.
        total: Where it ends; None is not known.
        completed: Where it begins.
        stream: Where it is, if that is a terminal; default: standard error as it is now.
        transient: Whether it goes away when it is closed.

    Attributes:
        is_live: Whether there is a terminal that shows it.
        console: rich's, of the stream.
    """

    def __init__(self, description="", total=None, completed=0, stream=None, transient=True):
        self.console = Console(file=sys.stderr if stream is None else stream)
        self.is_live = self.console.is_terminal and not self.console.is_dumb_terminal
        if not self.is_live:
            return
        counts = "{task.completed:,}" if total is None else "{task.completed:,}/{task.total:,}"
        self._bar = Progress(
            TextColumn("{task.description}" if description else counts, table_column=_one_line()),
            BarColumn(bar_width=None, table_column=Column(ratio=1)),
            TextColumn("{task.fields[figures]}", table_column=_one_line()),
            _TimeLeft(table_column=_one_line()),
            console=self.console,
            expand=True,
            transient=transient,
            refresh_per_second=4,
            # What other code prints passes above the bar only where it would mix with it.
            redirect_stdout=sys.stdout.isatty(),
            redirect_stderr=sys.stderr.isatty(),
        )
        self._task = self._bar.add_task(description, total=total, completed=completed, figures="")
        self._bar.start()

    @property
    def speed(self):
        """How much is done in a second of late; 0 until that is known."""
        return (self._bar.tasks[0].speed or 0.0) if self.is_live else 0.0

    def update(self, completed, figures="", total=None):
        """Shows how much is done, with figures as text; `total` is a new one, if it is given."""
        if self.is_live:
            self._bar.update(self._task, completed=completed, total=total, figures=figures)

    def line(self, text):
        """Prints a line above the bar, as it is."""
        if self.is_live:
            self.console.print(Text(text), soft_wrap=True)

    def close(self):
        """Ends the display and shows the cursor again. Further calls do nothing."""
        if self.is_live:
            self._bar.stop()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()


class _TimeLeft(ProgressColumn):
    """The time left, in words that say so; the time taken at the end, or with no end in sight."""

    max_refresh = 0.5

    def render(self, task):
        if task.finished or task.total is None:
            return Text(duration(task.elapsed or 0))
        if task.time_remaining is None:
            return Text("")
        return Text(f"{duration(task.time_remaining)} left")


def _one_line():
    return Column(no_wrap=True)


def duration(seconds):
    """Seconds as `42s`, `3m05s`, `2h07m` or `3d04h`."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds}s"
    if seconds < 3600:
        return f"{seconds // 60}m{seconds % 60:02d}s"
    if seconds < 86400:
        return f"{seconds // 3600}h{seconds % 3600 // 60:02d}m"
    return f"{seconds // 86400}d{seconds % 86400 // 3600:02d}h"
