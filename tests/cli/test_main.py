"""The `lm-zoo` command: help at once, mistakes in one line, exit statuses."""

import io
import json
import os
import pathlib
import subprocess
import sys
import textwrap

import pytest
from absl import flags

from lm_zoo.cli import main as cli
from lm_zoo.errors import UserError

ROOT = pathlib.Path(__file__).resolve().parents[2]


def lm_zoo(*arguments, **options):
    """Runs the command in a process of its own, from a folder that is not the checkout."""
    options = {"capture_output": True, "text": True, "cwd": "/", **options}
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "lm_zoo", *arguments]
    return subprocess.run(command, env=environment, **options)


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Installs a command `probe` whose `run` has the given body."""

    def install(body, top=""):
        source = f'''"""Probes.

    lm-zoo probe --count=3

Python 3.13 takes the indent off a docstring whose lines all have it.
"""
import dataclasses
from lm_zoo.checked_fields import field

@dataclasses.dataclass
class ProbeFlags:
    count: int = field(7, at_least=1, help="How many.")
    rate: float = field(0.5, help="How fast.")
    kind: str = field("plain", choices=("plain", "fancy"), help="Of which kind.")
    deep: bool = field(False, help="Whether deeply.")
    word: tuple[str, ...] = field((), repeated=True, help="A word; may be repeated.")
    target: str = field(None, required=True, help="Where to.")

FLAGS = (ProbeFlags,)
{top}

def run(flag_values, arguments):
{textwrap.indent(textwrap.dedent(body), "    ")}
'''
        (tmp_path / "probe_command.py").write_text(source)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "probe_command", raising=False)
        monkeypatch.setitem(cli.COMMANDS, "probe", ("probe_command", "probe things"))

    return install


def test_run_gets_flags_and_arguments(command, capsys):
    body = "print(flag_values.count, flag_values.deep, flag_values.word, arguments)"
    command(body, top='ARGUMENTS = "THING..."')
    argv = [
        "one",
        "--target=t",
        "--count",
        "3",
        "--deep",
        "two",
        "--word=a",
        "--word=b",
        "--",
        "-x",
    ]
    assert cli.main(["probe", *argv]) == 0
    assert capsys.readouterr().out == "3 True ['a', 'b'] ['one', 'two', '-x']\n"
    assert "count" not in flags.FLAGS


@pytest.mark.parametrize(
    "arguments, message",
    [
        (
            ["--target=t", "--coutn=3"],
            "there is no flag --coutn. Did you mean --count? `lm-zoo probe --help`",
        ),
        (["--target=t", "--zzzz"], "there is no flag --zzzz. `lm-zoo probe --help` lists all."),
        (
            ["--target=t", "--count=x"],
            "--count: expected a whole number of at least 1, received 'x'.",
        ),
        (
            ["--target=t", "--count=0"],
            "--count: expected a whole number of at least 1, received '0'.",
        ),
        (["--target=t", "--rate=fast"], "--rate: expected a finite number, received 'fast'."),
        (["--target=t", "--deep=x"], "--deep: expected true or false, received 'x'."),
        (
            ["--target=t", "--kind=fanzy"],
            "expected one of plain, fancy, received 'fanzy'. Did you mean 'fancy'?",
        ),
        (["--target"], "--target: expected a value, received nothing."),
        ([], "--target is required."),
        (["--target=t", "one"], "unexpected argument 'one'; give it as --FLAG=VALUE."),
    ],
)
def test_a_wrong_flag_is_one_line_and_status_2(command, capsys, arguments, message):
    command("raise AssertionError")
    assert cli.main(["probe", *arguments]) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.count("\n") == 1
    assert shown.err.startswith("lm-zoo probe: error: ") and message in shown.err


@pytest.mark.parametrize(
    "body, status, message",
    [
        (
            "from lm_zoo.errors import UserError; raise UserError('two\\nlines')",
            2,
            "error: two lines\n",
        ),
        ("raise KeyboardInterrupt", 130, "interrupted\n"),
        ("return 7", 7, ""),
        (
            "import errno; raise OSError(errno.ENOSPC, 'No space left', '/a')",
            2,
            "/a: No space left; free",
        ),
    ],
)
def test_what_run_raises_decides_the_status(command, capsys, body, status, message):
    command(body)
    assert cli.main(["probe", "--target=t"]) == status
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == bool(message)


@pytest.mark.parametrize("error", [RuntimeError, PermissionError, FileNotFoundError])
def test_a_bug_keeps_its_traceback(command, error):
    command(f"raise {error.__name__}")
    with pytest.raises(error):
        cli.main(["probe", "--target=t"])


def test_help_is_made_from_the_docstring_and_the_flags(command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    command("pass", top='ARGUMENTS = "THING..."')
    for arguments in (["probe", "--help"], ["help", "probe"], ["probe", "--count=x", "-h"]):
        assert cli.main(arguments) == 0
        shown = capsys.readouterr().out
        assert shown.splitlines() == [
            "usage: lm-zoo probe --target=TEXT [--FLAG=VALUE ...] THING...",
            "",
            "Probes.",
            "",
            "    lm-zoo probe --count=3",
            "",
            "Python 3.13 takes the indent off a docstring whose lines all have it.",
            "",
            "flags:",
            "  --count=N               How many. (default: 7)",
            "  --rate=X                How fast. (default: 0.5)",
            "  --kind=plain|fancy      Of which kind. (default: plain)",
            "  --[no]deep              Whether deeply.",
            "  --word=TEXT             A word; may be repeated.",
            "  --target=TEXT           Where to. (required)",
            "  --help                  Show this.",
        ]


def test_a_config_arrives_with_its_overrides(command, capsys):
    command(
        "print(flag_values.config and flag_values.config.seed, arguments)",
        top="from lm_zoo.cli.flags import ConfigFlag; FLAGS += (ConfigFlag,); ARGUMENTS = 'WORD...'",
    )
    assert cli.main(["probe", "--target=t"]) == 0
    argv = ["probe", "--config=quickstart_lstm", "a", "--config.seed", "5", "--target=t"]
    assert cli.main(argv) == 0
    assert capsys.readouterr().out == "None []\n5 ['a']\n"
    assert cli.main([*argv, "--config.sed=5"]) == 2
    message = "lm-zoo probe: error: config.sed: there is no such field. Did you mean config.seed?\n"
    assert capsys.readouterr().err == message


def test_warnings_are_plain_lines_and_notes_are_not_shown(command):
    body = "from absl import logging; logging.info('a note'); logging.warning('look %s', 'here')"
    program = textwrap.dedent(
        """
        import sys
        from lm_zoo.cli import main
        main.COMMANDS["probe"] = ("probe_command", "")
        sys.exit(main.main(["probe", "--target=t"]))
        """
    )
    command(body)
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{sys.path[0]}"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "lm-zoo probe: WARNING: look here\n")


def test_help_of_every_command_comes_without_anything_heavy():
    """Which is why it comes in a tenth of a second."""
    program = (
        "import sys; from lm_zoo.cli.main import main; status = main(sys.argv[1:]);"
        "heavy = {'tensorflow', 'keras', 'numpy', 'rich', 'tensorboard'} & set(sys.modules);"
        "print('heavy:', sorted(heavy)); sys.exit(status)"
    )
    for arguments in ([], ["--help"], ["--version"], *([name, "--help"] for name in cli.COMMANDS)):
        done = subprocess.run(
            [sys.executable, "-c", program, *arguments],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.endswith("heavy: []\n"), (arguments, done.stdout[-100:])


def test_the_overview_names_every_command():
    shown = lm_zoo()
    assert shown.returncode == 0 and shown.stdout == lm_zoo("--help").stdout
    for name, (_, line) in cli.COMMANDS.items():
        assert f"  {name} " in shown.stdout and line in shown.stdout


def test_an_unknown_command_gets_the_nearest():
    done = lm_zoo("trian", "--config=x")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(
        "lm-zoo: error: there is no command 'trian'. Did you mean 'train'?"
    )


def test_a_reader_that_goes_away_is_no_trouble():
    command = f"{sys.executable} -m lm_zoo list configs | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.stderr == "" and done.stdout.strip() in ("141", "0")


def test_a_full_disk_under_standard_output_is_one_line():
    with open("/dev/full", "w") as full:
        done = lm_zoo("list", "configs", stdout=full, stderr=subprocess.PIPE, capture_output=False)
    assert done.returncode == 2
    assert done.stderr == (
        "lm-zoo list: error: standard output: No space left on device; free space there and rerun."
        "\n"
    )


def test_list_shows_what_there_is(capsys):
    from lm_zoo.cli.list_command import KINDS
    from lm_zoo.config import OPTIMIZERS, SCHEDULES
    from lm_zoo.config.config_files import shipped_configs
    from lm_zoo.data.corpora import CORPORA
    from lm_zoo.registry import MODELS
    from lm_zoo.tasks import TASKS
    from lm_zoo.text.cleaning import CLEANING_STEPS
    from lm_zoo.text.tokenizers import TOKENIZERS

    assert cli.main(["list"]) == 0
    shown = capsys.readouterr().out
    for kind in KINDS:
        assert f"{kind}:\n" in shown
    names = [*TASKS, *MODELS, *CORPORA, *CLEANING_STEPS, *TOKENIZERS, *shipped_configs()]
    for name in (*names, *OPTIMIZERS, *SCHEDULES):
        assert f"  {name} " in shown
    unwrapped = " ".join(shown.split())
    assert "Arguments: learning_rate, momentum, weight_decay, clip_norm, ema_decay." in unwrapped
    assert "Arguments: warmup_steps, decay_start_epoch, decay_factor." in unwrapped
    for model in MODELS.values():
        assert all(size in shown for size in model.SIZES)
    assert cli.main(["list", "configs"]) == 0
    assert capsys.readouterr().out in shown
    for arguments, message in (["modles"], "Did you mean 'models'?"), (["a", "b"], "at most one"):
        assert cli.main(["list", *arguments]) == 2
        assert message in capsys.readouterr().err


def test_a_module_that_fails_to_load_shows_what_it_said(tmp_path, monkeypatch, capfd):
    from lm_zoo.quiet_imports import import_quietly

    monkeypatch.syspath_prepend(tmp_path)
    for name, end in (("quiet_one", ""), ("broken_one", "raise ImportError('no')")):
        (tmp_path / f"{name}.py").write_text(f"import os\nos.write(2, b'said by {name}')\n{end}\n")
    import_quietly("quiet_one")
    with pytest.raises(ImportError, match="no"):
        import_quietly("broken_one")
    assert capfd.readouterr().err == "said by broken_one"


def test_keras_does_not_load_what_no_command_uses():
    code = """
from lm_zoo.quiet_imports import import_quietly
import_quietly("tensorflow")
import sys
assert "keras" in sys.modules
assert not {"sklearn", "matplotlib.pyplot"} & set(sys.modules), "a second of each command"
import matplotlib.pyplot, sklearn  # whoever wants them has them afterwards
"""
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr


def test_user_errors_are_value_errors_for_library_callers():
    assert issubclass(UserError, ValueError)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_text_is_written_whatever_the_encoding_of_standard_output(command, monkeypatch, encoding):
    text = "ü 中 😀 \udcff"
    command(f"import json; print(json.dumps({text!r}, ensure_ascii=False))")
    stream = io.TextIOWrapper(io.BytesIO(), encoding)
    monkeypatch.setattr("sys.stdout", stream)
    assert cli.main(["probe", "--target=t"]) == 0
    assert json.loads(stream.buffer.getvalue().decode(encoding)) == text


def test_an_argument_that_is_no_text_is_one_line():
    done = lm_zoo("list", os.fsdecode(b"\xff"))
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "arguments: expected text in UTF-8, received the bytes b'\\xff'" in done.stderr


@pytest.mark.parametrize(
    "error, line",
    [
        ("MemoryError()", "there is not enough memory; close other programs"),
        ("OSError(24, 'Too many open files', 'a/b')", "a/b: Too many open files; raise the limit"),
        ("PermissionError(13, 'Permission denied', 'a/b')", "a/b: Permission denied; give this"),
    ],
)
def test_what_the_system_does_not_give_is_one_line(command, capsys, error, line):
    command(f"raise {error}")
    assert cli.main(["probe", "--target=t"]) == 2
    shown = capsys.readouterr().err
    assert shown.startswith(f"lm-zoo probe: error: {line}") and shown.count("\n") == 1
