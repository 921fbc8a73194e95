"""How preparation is shown: a bar on a terminal, a line now and then elsewhere."""

import io

import pytest

from lm_zoo.cli.preparation_progress import PreparationProgress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_elsewhere_than_on_a_terminal_it_is_plain_lines():
    stream = io.StringIO()
    with PreparationProgress(stream, interval=0) as progress:
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
    with PreparationProgress(stream) as progress:
        progress.begin("cleaning", 100)
        progress.begin("tokenizing", 100)
        assert not progress.worked
        progress.update(100)
    assert stream.getvalue() == "" and progress.worked


def test_a_mistake_ends_the_display(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with pytest.raises(ZeroDivisionError), PreparationProgress(stream) as progress:
        progress.begin("tokenizing", 0)
        progress.update(1_000_000)
        raise ZeroDivisionError
    assert "\x1b[?25h" in stream.getvalue()  # the cursor is shown again


def test_on_a_terminal_there_is_a_bar(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with PreparationProgress(stream) as progress:
        progress.begin("tokenizing", 2_000_000)
        progress.update(1_000_000)
        progress.line("[bold]Waiting[/bold]")
        progress.update(2_000_000)
    shown = stream.getvalue()
    assert "tokenizing" in shown and "━" in shown and "[bold]Waiting[/bold]\n" in shown
