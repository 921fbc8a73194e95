"""What the user sees while text is prepared: a live bar on a terminal, plain lines elsewhere."""

import sys
import time

from lm_zoo.data.preparation import ProgressListener
from lm_zoo.progress import MEGABYTE, SECONDS_BETWEEN_LINES, Bar


class PreparationProgress(ProgressListener):
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
        self._bar = None

    def begin(self, what, num_bytes=0):
        self._end()
        self.what, self._total, self._done = what, num_bytes, 0
        self._started = self._last_line = time.monotonic()

    def update(self, num_bytes):
        super().update(num_bytes)
        self._done = num_bytes
        now = time.monotonic()
        if self._bar is None:
            self._bar = Bar(self.what, self._total or None, stream=self.stream)
        self._bar.update(num_bytes, self._figures())
        if not self._bar.is_live and now - self._last_line >= self.interval:
            self._last_line = now
            self.line(f"{self.what}: {self._figures()}")

    def line(self, text):
        if self._bar and self._bar.is_live:
            self._bar.line(text)
        else:
            self.stream.write(text + "\n")
            self.stream.flush()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._end()

    def _end(self):
        if self._bar:
            self._bar.close()
        if self.what and self._last_line > self._started:
            self.line(f"{self.what}: {self._figures()}, done")
        self.what, self._bar = "", None

    def _figures(self):
        done, seconds = self._done / MEGABYTE, time.monotonic() - self._started
        of_all = f" of {self._total / MEGABYTE:,.0f}" if self._total >= self._done else ""
        return f"{done:,.0f}{of_all} MB  {done / max(seconds, 1e-9):,.1f} MB/s"
