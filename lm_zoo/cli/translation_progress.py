"""What the user sees while lines are translated: a live bar on a terminal, else nothing."""

from rich.progress import (
    MofNCompleteColumn,
    SpinnerColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from lm_zoo.live_bar import bar_column, live_bar, terminal, text_column


class TranslationProgress:
    """Shows how many lines are done, how fast, and the time left. Use it as a context manager.

    Args:
        total: Number of lines, or None where that is not known.
        stream: Where to write; default: standard error as it is now.
    """

    def __init__(self, total, stream=None):
        console = terminal(stream)
        self._bar = None
        if console:
            self._bar = live_bar(console, *_columns(total))
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
    figures = text_column("{task.fields[figures]}")
    if total is None:
        lines = text_column("{task.completed:,} lines")
        return SpinnerColumn(), lines, figures, TimeElapsedColumn()
    return MofNCompleteColumn(), bar_column(), figures, TimeRemainingColumn(compact=True)
