"""What commands show of what takes a while: the bar, and the stages that are shown by it."""

import io
import re

import pytest

from lm_zoo.progress import Bar, Stages, current_stages, duration, stage, stages_shown


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


def test_elsewhere_than_on_a_terminal_it_is_plain_lines():
    stream = io.StringIO()
    with Stages(stream, interval=0) as progress:
        progress.begin("cleaning", 20_000_000)
        progress.update(5_000_000)
        progress.line("Waiting for another process")
        progress.begin("tokenizing")
        progress.update(30_000_000)
    lines = stream.getvalue().splitlines()
    assert lines[0].startswith("cleaning: 5 of 20 MB  ") and lines[0].endswith(" MB/s")
    assert lines[1] == "Waiting for another process"
    assert lines[2].startswith("cleaning: 5 of 20 MB  ") and lines[2].endswith(" MB/s, done")
    assert lines[3].startswith("tokenizing: 30 MB  ")
    assert progress.worked


def test_what_is_over_soon_is_not_spoken_of():
    stream = io.StringIO()
    with Stages(stream) as progress:
        progress.begin("cleaning", 100)
        progress.begin("tokenizing", 100)
        assert not progress.worked
        progress.update(100)
    assert stream.getvalue() == "" and progress.worked


def test_a_mistake_ends_the_display(terminal):
    stream = terminal
    with pytest.raises(ZeroDivisionError), Stages(stream) as progress:
        progress.begin("tokenizing", 0)
        progress.update(1_000_000)
        raise ZeroDivisionError
    assert "\x1b[?25h" in stream.getvalue()  # the cursor is shown again


def test_on_a_terminal_there_is_a_bar(terminal):
    stream = terminal
    with Stages(stream) as progress:
        progress.begin("tokenizing", 2_000_000)
        progress.update(1_000_000)
        progress.line("[bold]Waiting[/bold]")
        progress.update(2_000_000)
    shown = stream.getvalue()
    assert "tokenizing" in shown and "━" in shown and "[bold]Waiting[/bold]\n" in shown


def test_stages_are_those_of_a_command(terminal, monkeypatch):
    monkeypatch.setattr("sys.stderr", terminal)
    with stage("Loading") as update, current_stages() as listener:
        assert update is None and listener is None, "nothing is shown of a program's own work"
    with stages_shown():
        with stage("Loading"):
            pass
        with stage("Evaluating") as update:
            update(500, 2000)
        with stage("Hidden", is_shown=False) as update:
            assert update is None
    shown = shown_in(terminal)
    assert re.search(r"Loading ━+ +0s", shown) and re.search(
        r"Evaluating [━╸]+ 500 of 2,000", shown
    )
    assert "Hidden" not in shown and shown.endswith("\r"), "what was shown is gone at the end"
