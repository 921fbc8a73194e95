"""A live bar on a terminal, plain lines in a pipe."""

import os
import pathlib
import pty
import re
import select
import subprocess
import sys
import time

from lm_zoo.training.progress import Progress

ROOT = pathlib.Path(__file__).resolve().parents[2]

PROGRAM = """
import sys, time
from lm_zoo.training.progress import Progress
progress = Progress(1000, 500)
for step in range(510, 601, 10):
    progress.update(step, loss=2.5, perplexity=12.18, learning_rate=0.001, tokens_per_second=3456.7)
    time.sleep(0.06)
    if step == 550:
        progress.line("step 550: validation [bold]perplexity[/bold] 11.5")
print("from elsewhere")
progress.close()
progress.close()
"""


def run(stdout, stderr, **variables):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "120", **variables}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=stdout, stderr=stderr, env=environment
    )


def run_on_terminal(both=False, **variables):
    """Runs the program with standard error on a pseudo-terminal and standard output in a pipe."""
    master, slave = pty.openpty()
    process = run(slave if both else subprocess.PIPE, slave, TERM="xterm-256color", **variables)
    os.close(slave)
    shown, end = b"", time.monotonic() + 30
    while time.monotonic() < end:
        if select.select([master], [], [], 0.1)[0]:
            try:
                shown += os.read(master, 65536)
            except OSError:  # the other end is closed
                break
    assert process.wait(10) == 0
    output = b"" if both else process.communicate()[0]
    os.close(master)
    return shown.decode(), output.decode()


def test_a_terminal_gets_a_live_bar_with_lines_above_it():
    shown, output = run_on_terminal()
    plain = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", shown)
    assert "\x1b[" in shown and "━" in shown
    assert re.search("5[1-9]0/1,000", plain), "it moves while training goes on"
    for figure in ("600/1,000", "loss 2.5000", "perplexity 12.18", "lr 0.001"):
        assert figure in plain, figure
    assert "3,457 tokens/s" in plain and re.search(r"\ds left", plain)
    assert "step 550: validation [bold]perplexity[/bold] 11.5\r\n" in plain
    assert "\x1b[?25h" in shown, "the cursor is shown again"
    assert "from elsewhere" not in plain, "what goes to a pipe stays out of the terminal"
    check_plain_lines(output)
    assert "from elsewhere" in output


def test_a_terminal_for_both_streams_gets_each_line_once():
    shown, _ = run_on_terminal(both=True)
    plain = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", shown)
    assert plain.count("step 550: validation") == 1 and "step 510/1,000" not in plain
    assert "600/1,000" in plain and "━" in plain


def test_a_narrow_terminal_still_gets_every_figure_in_one_line():
    shown, _ = run_on_terminal(COLUMNS="80")
    plain = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", shown)
    last = plain.split("\r")[-2]
    assert re.search(r"600/1,000 ━.* loss 2.5000  ppl 12.18  lr 0.001  3,457 tok/s \ds left", last)


def test_a_terminal_that_cannot_move_its_cursor_gets_plain_lines():
    master, slave = pty.openpty()
    process = run(slave, slave, TERM="dumb")
    os.close(slave)
    assert process.wait(30) == 0
    shown = os.read(master, 65536).decode()
    os.close(master)
    assert "\x1b" not in shown and "step 510/1,000" in shown


def test_a_pipe_gets_a_few_plain_lines_as_results_do():
    """`lm-zoo train > log` has them."""
    process = run(subprocess.PIPE, subprocess.PIPE)
    output, errors = process.communicate()
    check_plain_lines(output.decode())
    assert errors == b""


def check_plain_lines(output):
    lines = [line for line in output.splitlines() if line != "from elsewhere"]
    assert len(lines) == 4, lines  # the first figures, those before the validation, the last
    figures = r"loss 2\.5000  perplexity 12\.18  lr 0\.001  3,457 tokens/s  \d+s left"
    assert re.fullmatch(rf"step 510/1,000  {figures}", lines[0])
    assert re.fullmatch(rf"step 550/1,000  {figures}", lines[1])
    assert lines[2] == "step 550: validation [bold]perplexity[/bold] 11.5"
    assert re.fullmatch(rf"step 600/1,000  {figures}", lines[3])


def test_plain_lines_keep_their_distance(capsys):
    with Progress(100, interval=0.2) as progress:
        for step in range(1, 101):
            progress.update(step, loss=1.0)
            time.sleep(0.005)
    steps = [
        int(re.match(r"step (\d+)/100", line)[1])
        for line in capsys.readouterr().out.split("\n")[:-1]
    ]
    assert steps[0] == 1 and steps[-1] == 100 and 3 <= len(steps) <= 6


def test_the_time_left_is_that_of_the_steps_left(capsys):
    """A run that goes on from step 900 has made 50 steps since, not 950."""
    progress = Progress(1000, start_step=900)
    progress._started -= 100.0
    progress.update(950)
    assert "1m40s left" in capsys.readouterr().out
