"""What the user sees while text is prepared: a live bar on a terminal, plain lines elsewhere."""

import sys
import time

from rich.progress import TimeRemainingColumn

from lm_zoo.data.preparation import Observer
from lm_zoo.live_bar import (
    SECONDS_BETWEEN_LINES,
    bar_column,
    live_bar,
    terminal,
    text_column,
)

MEGABYTE = 1e6


class PreparationProgress(Observer):
    """Shows what is being done to the text, how far it is, and how fast, in MB/s of text.

    What is over within `interval` seconds is not spoken of. Use it as a context manager.

    Args:
        stream: Where to write; default: standard error as it is now.
        interval: Seconds between plain lines.
    """

    def __init__(self, stream=None, interval=SECONDS_BETWEEN_LINES):
        self.stream = sys.stderr if stream is None else stream
        self.interval = interval
        self.what = ""
        self.worked = False  # whether there was anything to do
        self._console = terminal(self.stream)
        self._bar = None

    def begin(self, what, num_bytes=0):
        self._end()
        self.what, self._total, self._done = what, num_bytes, 0
        self._started = self._last_line = time.monotonic()

    def update(self, num_bytes):
        self._done, self.worked = num_bytes, True
        now = time.monotonic()
        if self._console:
            self._bar = self._bar or self._live_bar()
            total = self._total if self._total >= num_bytes else None
            self._bar.update(self._task, completed=num_bytes, total=total, figures=self._figures())
        elif now - self._last_line >= self.interval:
            self._last_line = now
            self.line(f"{self.what}: {self._figures()}")

    def line(self, text):
        if self._bar:
            self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            self.stream.write(text + "\n")
            self.stream.flush()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._end()

    def _end(self):
        if self._bar:
            self._bar.stop()
            self._bar = None
        elif self.what and self._last_line > self._started:
            self.line(f"{self.what}: {self._figures()}, done")
        self.what = ""

    def _figures(self):
        done, seconds = self._done / MEGABYTE, time.monotonic() - self._started
        of_all = f" of {self._total / MEGABYTE:,.0f}" if self._total >= self._done else ""
        return f"{done:,.0f}{of_all} MB  {done / max(seconds, 1e-9):,.1f} MB/s"

    def _live_bar(self):
        bar = live_bar(
            self._console,
            text_column("{task.description}"),
            bar_column(),
            text_column("{task.fields[figures]}"),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
        )
        self._task = bar.add_task(self.what, total=self._total or None, figures="")
        bar.start()
        return bar
