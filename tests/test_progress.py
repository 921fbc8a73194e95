"""The bar that training, text, translations and downloads share."""

import io
import re

import pytest

from lm_zoo.progress import Bar, duration


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    return Terminal()


def shown_in(stream):
    return re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", stream.getvalue())


def test_it_shows_counts_figures_and_the_time_left(terminal):
    with Bar(total=2000, completed=500, stream=terminal) as bar:
        bar.update(1000, "3.5 lines/s")
        bar.line("[bold]a line[/bold]")
        bar.update(2000, "4.5 lines/s")
    shown = shown_in(terminal)
    assert "\x1b[?25l" in terminal.getvalue() and "\x1b[?25h" in terminal.getvalue()
    assert "[bold]a line[/bold]\n" in shown, "as it is"
    assert re.search(r"^500/2,000 ━", shown)
    assert re.search(r"2,000/2,000 ━+ 4.5 lines/s 0s", shown)


def test_without_a_total_it_shows_the_time_taken(terminal):
    with Bar("tokenizing", stream=terminal) as bar:
        bar.update(7, "7 MB")
    assert re.search(r"tokenizing ━+ 7 MB 0s", shown_in(terminal))


def test_a_total_may_become_known(terminal):
    with Bar("Fetching", stream=terminal, transient=False) as bar:
        bar.update(1, "", 4)
        bar.update(4, "done", 4)
    assert shown_in(terminal).rstrip().endswith("done 0s"), "it stays"


@pytest.mark.parametrize("kind", ["pipe", "dumb"])
def test_anywhere_else_it_is_silent(kind, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    stream = io.StringIO() if kind == "pipe" else Terminal()
    with Bar("Fetching", 10, stream=stream) as bar:
        bar.update(5, "half")
        bar.line("a line")
        assert not bar.is_live and bar.speed == 0
    bar.close()
    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    "seconds, text",
    [(0.4, "0s"), (59.6, "1m00s"), (185, "3m05s"), (7620, "2h07m"), (273_600, "3d04h")],
)
def test_durations_read_well(seconds, text):
    assert duration(seconds) == text
