"""`lm-zoo launch`: what it refuses, and what it hands on."""

import sys

import pytest

from lm_zoo import __main__
from lm_zoo.cli.main import main
from lm_zoo.distribution.launch import launcher


@pytest.mark.parametrize(
    "arguments, expected",
    [
        (["--", "train"], ["--workers"]),
        (["--workers=0", "--", "train"], ["--workers", "0"]),
        (["--workers=two", "--", "train"], ["--workers", "'two'"]),
        (["--workers=2", "--max_restarts=-1", "--", "train"], ["--max_restarts", "-1"]),
        (["--workers=2"], ["command after --"]),
        (["--workers=2", "--", "trian"], ["'trian'", "Did you mean 'train'"]),
        (["--workers=2", "--", "launch"], ["'launch'"]),
    ],
    ids=" ".join,
)
def test_mistakes_are_one_line(capsys, arguments, expected):
    assert main(["launch", *arguments]) == 2
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1
    for part in expected:
        assert part in errors


@pytest.fixture
def launched(monkeypatch):
    """Records what would be launched; the group ends as `result` says."""

    class Recorded(launcher.Launcher):
        result = launcher.GroupResult(0, 0, 0)
        said = None

        def run(self):
            Recorded.said = self
            self.on_line("worker 1", "hello", False)
            self.on_line("worker 0", "oops", True)
            return self.result

    monkeypatch.setattr(launcher, "Launcher", Recorded)
    return Recorded


def test_the_command_and_the_prefixed_lines(launched, capsys):
    assert main(["launch", "--workers=3", "--", "compare", "--split=a b", "--", "c"]) == 0
    assert launched.said.command[:3] == [sys.executable, "-P", __main__.__file__]
    assert launched.said.command[3:] == ["compare", "--split=a b", "--", "c"]
    assert (launched.said.workers, launched.said.max_restarts) == (3, 3)
    output, errors = capsys.readouterr()
    assert (output, errors) == ("[worker 1] hello\n", "[worker 0] oops\n")


@pytest.mark.parametrize(
    "status, signal, expected",
    [(42, 2, 130), (42, 15, 143), (0, 2, 0), (2, 15, 2), (137, 2, 130), (137, None, 137)],
)
def test_exit_status_and_how_to_go_on(launched, capsys, status, signal, expected):
    launched.result = launcher.GroupResult(status, 0, 0, signal)
    arguments = ["launch", "--workers=2", "--stall_seconds=9", "--", "train", "--workdir=a b"]
    assert main(arguments) == expected
    line = "Go on with: lm-zoo launch --workers=2 --stall_seconds=9 -- train '--workdir=a b'\n"
    assert (line in capsys.readouterr().err) == (expected in (130, 143))
