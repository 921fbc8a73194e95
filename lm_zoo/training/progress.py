"""What the user sees while training: a live bar on a terminal, plain lines anywhere else."""

import sys
import time

from rich.progress import ProgressColumn
from rich.table import Column
from rich.text import Text

from lm_zoo.figures import named_figure
from lm_zoo.live_bar import (
    SECONDS_BETWEEN_LINES,
    bar_column,
    live_bar,
    terminal,
    text_column,
)


class Progress:
    """Shows how far training is and how it goes.

    On a terminal, a bar with the figures and the time left stays at the bottom, on standard error,
    and lines pass above it. Figures and lines are results: they go to standard output, as plain
    lines, unless that is a terminal with the bar. Of figures one line is written in five seconds,
    and the latest ones before each line that stays.

    Args:
        total_steps: Step at which training ends.
        start_step: Step at which it begins or goes on.
        output: Where results go; default: standard output as it is now.
        display: Where the bar is, if it is a terminal; default: standard error as it is now.
        interval: Seconds between plain lines.
    """

    def __init__(
        self, total_steps, start_step=0, output=None, display=None, interval=SECONDS_BETWEEN_LINES
    ):
        self.total_steps = total_steps
        self.start_step = start_step
        self.output = sys.stdout if output is None else output
        self.interval = interval
        self._started = time.monotonic()
        self._last_line = None  # when the last plain line of figures was written
        self._waiting = None  # figures that came too soon after it
        console = terminal(display)
        self._bar = self._live_bar(console) if console else None
        self._is_plain = self._bar is None or not self.output.isatty()

    def update(self, step, **figures):
        """Shows the figures of a step.

        Args:
            step: Steps made so far.
            **figures: Name -> number since the last update, in the order in which they are shown;
                None is left out. `learning_rate`, `tokens_per_second` and `examples_per_second` are
                shown with their units.
        """
        figures = _figures(figures)
        if self._bar:
            shown = figures
            if self._bar.console.width < 100:
                shown = shown.replace("perplexity", "ppl").replace("tokens/s", "tok/s")
            self._bar.update(self._task, completed=step, figures=shown)
        if not self._is_plain:
            return
        now = time.monotonic()
        if self._last_line is None or now - self._last_line >= self.interval:
            self._write_figures(step, figures, now)
        else:
            self._waiting = step, figures

    def line(self, text):
        """Writes a line that stays, such as a validation's result."""
        if self._bar:
            self._bar.console.print(Text(text), soft_wrap=True)
        if self._is_plain:
            self._write_waiting()
            self._write(text)

    def close(self):
        """Ends the display; the last figures stay. Further calls do nothing."""
        if self._bar:
            self._bar.stop()
        self._write_waiting()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def _live_bar(self, console):
        bar = live_bar(
            console,
            text_column("{task.completed:,}/{task.total:,}"),
            bar_column(),
            text_column("{task.fields[figures]}"),
            _TimeLeft(table_column=Column(no_wrap=True)),
            transient=False,
        )
        self._task = bar.add_task("", total=self.total_steps, completed=self.start_step, figures="")
        bar.start()
        return bar

    def _write_waiting(self):
        if self._waiting:
            self._write_figures(*self._waiting, time.monotonic())

    def _write_figures(self, step, figures, now):
        parts = [f"step {step:,}/{self.total_steps:,}", figures]
        made = step - self.start_step
        if made > 0 and step < self.total_steps:
            seconds = (now - self._started) / made * (self.total_steps - step)
            parts.append(f"{_duration(seconds)} left")
        self._last_line, self._waiting = now, None
        self._write("  ".join(filter(None, parts)))

    def _write(self, text):
        self.output.write(text + "\n")
        self.output.flush()


class _TimeLeft(ProgressColumn):
    """The time left, in words that say so."""

    max_refresh = 0.5

    def render(self, task):
        if task.finished:
            return Text(_duration(task.elapsed or 0))
        if task.time_remaining is None:
            return Text("")
        return Text(f"{_duration(task.time_remaining)} left")


class NoProgress:
    """Shows nothing: for the processes beside the chief."""

    def update(self, step, **figures):
        pass

    def line(self, text):
        pass

    def close(self):
        pass


def _figures(figures):
    """Returns figures as text; those that are None are left out."""
    return "  ".join(
        _WORDS.get(name, named_figure)(name, value)
        for name, value in figures.items()
        if value is not None
    )


_WORDS = {
    "learning_rate": lambda name, value: f"lr {value:.3g}",
    "tokens_per_second": lambda name, value: f"{value:,.0f} tokens/s",
    "examples_per_second": lambda name, value: f"{value:,.0f} examples/s",
}


def _duration(seconds):
    """Seconds as `42s`, `3m05s`, `2h07m` or `3d04h`."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds}s"
    if seconds < 3600:
        return f"{seconds // 60}m{seconds % 60:02d}s"
    if seconds < 86400:
        return f"{seconds // 3600}h{seconds % 3600 // 60:02d}m"
    return f"{seconds // 86400}d{seconds % 86400 // 3600:02d}h"
