"""What the user sees while training: a live bar on a terminal, plain lines anywhere else."""

import sys
import time

from lm_zoo.figures import named_figure
from lm_zoo.progress import SECONDS_BETWEEN_LINES, Bar, duration


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
        self._bar = Bar("", total_steps, start_step, stream=display, transient=False)
        self._is_plain = not self._bar.is_live or not self.output.isatty()

    def update(self, step, **figures):
        """Shows the figures of a step.

        Args:
            step: Steps made so far.
            **figures: Name -> number since the last update, in the order in which they are shown;
                None is left out. `learning_rate`, `tokens_per_second` and `examples_per_second` are
                shown with their units.
        """
        figures = _figures(figures)
        shown = figures
        if self._bar.width < 100:
            shown = shown.replace("perplexity", "ppl").replace("tokens/s", "tok/s")
        self._bar.update(step, shown)
        if not self._is_plain:
            return
        now = time.monotonic()
        if self._last_line is None or now - self._last_line >= self.interval:
            self._write_figures(step, figures, now)
        else:
            self._waiting = step, figures

    def line(self, text):
        """Writes a line that stays, such as a validation's result."""
        self._bar.line(text)
        if self._is_plain:
            self._write_waiting()
            self._write(text)

    def close(self):
        """Ends the display; the last figures stay. Further calls do nothing."""
        self._bar.close()
        self._write_waiting()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def _write_waiting(self):
        if self._waiting:
            self._write_figures(*self._waiting, time.monotonic())

    def _write_figures(self, step, figures, now):
        parts = [f"step {step:,}/{self.total_steps:,}", figures]
        made = step - self.start_step
        if made > 0 and step < self.total_steps:
            seconds = (now - self._started) / made * (self.total_steps - step)
            parts.append(f"{duration(seconds)} left")
        self._last_line, self._waiting = now, None
        self._write("  ".join(filter(None, parts)))

    def _write(self, text):
        self.output.write(text + "\n")
        self.output.flush()


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
