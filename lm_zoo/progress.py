"""What a command shows of what takes a while: a live bar on a terminal, plain lines elsewhere.

rich is imported where there is a terminal, for it takes a tenth of a second.
"""

import contextlib
import os
import sys
import time

SECONDS_BETWEEN_LINES = 5.0  # of plain lines, in place of the bar where there is no terminal
MEGABYTE = 1e6
_shown = None  # the `Stages` of the command that runs


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
        width: Columns of the terminal; 0 where there is none.
    """

    def __init__(self, description="", total=None, completed=0, stream=None, transient=True):
        stream = sys.stderr if stream is None else stream
        self.is_live = stream.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")
        self.width = 0
        if not self.is_live:
            return
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn
        from rich.table import Column

        self._console = Console(file=stream)
        self.width = self._console.width
        counts = "{task.completed:,}" if total is None else "{task.completed:,}/{task.total:,}"
        self._bar = Progress(
            TextColumn("{task.description}" if description else counts, table_column=_one_line()),
            BarColumn(bar_width=None, table_column=Column(ratio=1)),
            TextColumn("{task.fields[figures]}", table_column=_one_line()),
            _time_left(),
            console=self._console,
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
            self._console.print(text, soft_wrap=True, markup=False, highlight=False, emoji=False)

    def close(self):
        """Ends the display and shows the cursor again. Further calls do nothing."""
        if self.is_live:
            self._bar.stop()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()


def _time_left():
    """Returns the column of the time left; of the time taken at the end, or with no end in sight."""
    from rich.progress import ProgressColumn
    from rich.text import Text

    class TimeLeft(ProgressColumn):
        max_refresh = 0.5

        def render(self, task):
            if task.finished or task.total is None:
                return Text(duration(task.elapsed or 0))
            if task.time_remaining is None:
                return Text("")
            return Text(f"{duration(task.time_remaining)} left")

    return TimeLeft(table_column=_one_line())


def _one_line():
    from rich.table import Column

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


class Stages:
    """Shows what is being done, one thing after another, how far each is, and how fast.

    On a terminal there is a bar as long as something is done. Elsewhere a plain line comes now and
    then: what is over within `interval` seconds is not spoken of. It is an
    `lm_zoo.data.preparation.ProgressListener`, whose counts are bytes of text. Use it as a context manager.

    Args:
        stream: Where to write; default: standard error as it is now.
        interval: Seconds between plain lines.

    Attributes:
        worked: Whether there was anything to do so far.
    """

    def __init__(self, stream=None, interval=SECONDS_BETWEEN_LINES):
        self.stream = sys.stderr if stream is None else stream
        self.interval = interval
        self.worked = False
        self._what, self._bar, self._counts = "", None, None

    def begin(self, what, num_bytes=0):
        """Something begins that may find itself done: it is shown from the first `update` on."""
        self.end()
        self._what, self._total, self._done, self._counts = what, num_bytes, 0, _megabytes
        self._started = self._last_line = time.monotonic()

    def begin_at_once(self, what):
        """Something begins that is shown from now on; its updates, if any, count no bytes."""
        self.begin(what)
        self._counts = _counts
        self._bar = Bar(what, stream=self.stream)

    def update(self, done, total=None):
        """So much of what was begun is done; `total` is the whole, where it was not said before."""
        self._done, self._total, self.worked = done, total or self._total, True
        now = time.monotonic()
        if self._bar is None:
            self._bar = Bar(self._what, self._total or None, stream=self.stream)
        self._bar.update(done, self._figures(), self._total or None)
        if not self._bar.is_live and now - self._last_line >= self.interval:
            self._last_line = now
            self.line(f"{self._what}: {self._figures()}")

    def line(self, text):
        """Writes a line that stays."""
        if self._bar and self._bar.is_live:
            self._bar.line(text)
        else:
            self.stream.write(text + "\n")
            self.stream.flush()

    def end(self):
        """Ends what was begun; without that it does nothing."""
        if self._bar:
            self._bar.close()
        self._bar = None
        if self._what and self._last_line > self._started:
            self.line(f"{self._what}: {self._figures()}, done")
        self._what, self._counts = "", None

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.end()

    def _figures(self):
        of_all = self._total if self._total >= self._done else 0
        return self._counts(self._done, of_all, max(time.monotonic() - self._started, 1e-9))


@contextlib.contextmanager
def stages_shown():
    """Shows what takes a while inside: of a command. Elsewhere, in a program, nothing is shown."""
    global _shown
    before, _shown = _shown, Stages()
    try:
        with _shown:
            yield
    finally:
        _shown = before


@contextlib.contextmanager
def stage(what, is_shown=True):
    """Says what is being done inside, where a command shows it.

    Args:
        what: `Loading runs/mine`.
        is_shown: Whether this process is one that shows anything.

    Yields:
        A function of `(done, total)` for whoever counts; None where nothing is shown.
    """
    if _shown is None or not is_shown:
        yield None
        return
    _shown.begin_at_once(what)
    with _shown:
        yield _shown.update


def current_stages():
    """Returns a context manager of the `Stages` of the command that runs, or of None."""
    return _shown or contextlib.nullcontext()


def _megabytes(done, total, seconds):
    of_all = f" of {total / MEGABYTE:,.0f}" if total else ""
    return f"{done / MEGABYTE:,.0f}{of_all} MB  {done / MEGABYTE / seconds:,.1f} MB/s"


def _counts(done, total, seconds):
    return f"{done:,} of {total:,}" if total else f"{done:,}"
