"""`lm_zoo.register`: what it refuses, and what other processes know of it."""

import ast
import importlib
import subprocess
import sys
import textwrap

import pytest

import lm_zoo
from lm_zoo.cli.main import COMMANDS, flags_of, main
from lm_zoo.config.config_files import read_config
from lm_zoo.errors import UserError
from lm_zoo.registering_files import execute
from lm_zoo.text.tokenizers import TOKENIZERS, ByteTokenizer
from tests.outside.conftest import environment

pytestmark = pytest.mark.usefixtures("nothing_registered")


class Mine(ByteTokenizer):
    """A tokenizer."""


class Other(ByteTokenizer):
    """Another one."""


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("modle", "a", Mine), ["unknown name 'modle'", "Did you mean 'model'?"]),
        (("tokenizer", "byte", Mine), ["tokenizer 'byte' is built into lm_zoo", "another name"]),
        (("model", "lstm_lm", "a:B"), ["model 'lstm_lm' is built into lm_zoo"]),
        (("tokenizer", "my-own", Mine), ["letters, digits and '_'", "'my-own'"]),
        (("tokenizer", "", Mine), ["expected a name"]),
        (("tokenizer", "a", "somewhere"), ["'module:name', received 'somewhere'"]),
        (("tokenizer", "a", int), ["a subclass of lm_zoo.text.tokenizers.Tokenizer", "int"]),
        (("task", "a", Mine), ["a subclass of lm_zoo.tasks.task.Task", "Mine"]),
        (("model", "a", Mine), ["a subclass of lm_zoo.LanguageModel", "Mine"]),
        (("corpus", "a", Mine), ["a dataclass with a function load(cache_dir)", "Mine"]),
        (("cleaning_step", "a", len), ["a DocumentStep", "<built-in function len>"]),
    ],
)
def test_what_cannot_be_registered_is_one_line(arguments, words):
    with pytest.raises(UserError) as caught:
        lm_zoo.register(*arguments)
    message = str(caught.value)
    assert message.startswith("register: ") and "\n" not in message
    assert all(word in message for word in words), message


def test_a_name_stands_for_one_thing():
    lm_zoo.register("tokenizer", "mine", Mine)
    lm_zoo.register("tokenizer", "mine", Mine)  # again, as a notebook does
    with pytest.raises(UserError, match="there is a tokenizer 'mine' already, .*:Mine, registered"):
        lm_zoo.register("tokenizer", "mine", Other)
    assert TOKENIZERS["mine"] is Mine and "mine" in list(TOKENIZERS)


def write(folder, name, text):
    path = folder / name
    path.write_text(textwrap.dedent(text))
    return path


def test_a_file_that_is_read_again_replaces_its_own_and_no_others(tmp_path):
    text = """
        import lm_zoo
        from lm_zoo.text.tokenizers import ByteTokenizer
        class Mine(ByteTokenizer):
            number = {number}
        lm_zoo.register("tokenizer", "mine", Mine)
    """
    for number in (1, 2):
        execute(write(tmp_path, "mine.py", text.format(number=number)), "--register")
        assert TOKENIZERS["mine"].number == number
    other = write(tmp_path, "other.py", text.format(number=3))
    with pytest.raises(UserError, match="--register: .*other.py, line 6: register: there is a"):
        execute(other, "--register")
    twice = write(
        tmp_path,
        "twice.py",
        """
        import lm_zoo
        lm_zoo.register("tokenizer", "twice", "a:B")
        lm_zoo.register("tokenizer", "twice", "a:C")
        """,
    )
    with pytest.raises(UserError, match="line 4: register: there is a tokenizer 'twice' already"):
        execute(twice, "--register")


def test_what_a_string_names_is_imported_when_it_is_used(tmp_path):
    write(tmp_path, "one_of_mine.py", "from lm_zoo.text.tokenizers import *\nNumber = 1\n1 / 0\n")
    file = write(
        tmp_path,
        "mine.py",
        """
        import lm_zoo
        lm_zoo.register("tokenizer", "nowhere", "no_such_module:Mine")
        lm_zoo.register("tokenizer", "broken", "one_of_mine:Mine")
        lm_zoo.register("tokenizer", "wrong", "textwrap:dedent")
        lm_zoo.register("tokenizer", "missing", "textwrap:Mine")
        """,
    )
    execute(file, "--register")
    for name, words in {
        "nowhere": ["registered by", "mine.py", "ModuleNotFoundError"],
        "broken": ["'one_of_mine:Mine' cannot be imported", "ZeroDivisionError"],
        "wrong": ["expected a subclass of", "dedent"],
        "missing": ["cannot be imported in", "textwrap.py: AttributeError"],
    }.items():
        with pytest.raises(UserError) as caught:
            TOKENIZERS.find("tokenizer.name", name)
        message = str(caught.value)
        assert f"tokenizer {name!r}" in message and "\n" not in message
        assert all(word in message for word in words), message


def test_a_config_that_registers_nothing_leaves_nothing_to_import(tmp_path):
    write(tmp_path, "beside.py", "STEPS = 7\n")
    file = write(
        tmp_path,
        "plain.py",
        """
        from beside import STEPS
        from lm_zoo.config import *
        def get_config(): return ExperimentConfig(training=TrainingConfig(steps=STEPS))
        """,
    )
    assert read_config(str(file)).training.steps == 7
    assert str(tmp_path) not in sys.path


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--register"], ["--register: expected a Python file, received nothing"]),
        (["--register=nowhere.py"], ["--register: expected a Python file", "'nowhere.py'"]),
        (["--register=wrong.py"], ["--register: wrong.py, line 2: ZeroDivisionError"]),
    ],
)
def test_a_file_that_cannot_be_executed_is_one_line(
    arguments, words, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "wrong.py", "\n1 / 0\n")
    assert main(["list", "tokenizers", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and all(word in error for word in words), error


@pytest.mark.parametrize("command", sorted(set(COMMANDS) - {"import"}))  # that begins a run
def test_every_command_that_reads_a_run_or_a_config_can_be_told_what_is_registered(command):
    flag_values = flags_of(importlib.import_module(COMMANDS[command][0]), [])
    if "workdir" in flag_values or "config" in flag_values:
        assert "register" in flag_values


POOL = """
from lm_zoo.data.blocks import Block
from lm_zoo.data.cleaning.cleaning_stages import CleanBlock
from lm_zoo.data.tokens.token_blocks import EncodeBlock
from lm_zoo.data.worker_pool import WorkerPool
from lm_zoo.config import CleaningConfig
from lm_zoo.errors import UserError
from lm_zoo.text.cleaning import DocumentStep
from lm_zoo.text.tokenizers import TOKENIZERS, ByteTokenizer
from tests.outside.conftest import environment
from tests.outside.conftest import environment
import lm_zoo, sys

def work(name, function):
    try:
        with WorkerPool(function, 2) as pool:
            for _, (outputs, _) in pool.run([(0, Block("train", 0, ["Ab!!!", "b"]))]):
                print(name, outputs[name])
    except UserError as error:
        print(error)
"""
FILE = """
import lm_zoo
from lm_zoo.text.cleaning import DocumentStep
from lm_zoo.text.tokenizers import ByteTokenizer

class Mine(ByteTokenizer):
    def encode(self, text, special_tokens="control"):
        return super().encode(text.lower())

    def encode_batch(self, texts):
        return super().encode_batch([text.lower() for text in texts])

lm_zoo.register("tokenizer", "mine", Mine)
lm_zoo.register("cleaning_step", "calm", DocumentStep(lambda text, _: text.replace("!!!", "!")))
"""


def in_a_program(folder, text):
    """Returns the lines that a program prints."""
    path = folder / "program.py"
    path.write_text(POOL + textwrap.dedent(text))
    command = [sys.executable, str(path)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment())
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_data_processes_know_what_a_file_registers(tmp_path):
    write(tmp_path, "mine.py", FILE)
    clean, encode = in_a_program(
        tmp_path,
        """
        from lm_zoo.registering_files import execute
        execute("mine.py", "--register")
        from lm_zoo.data.cleaning.cleaning_stages import NumberedBlock
        Block = NumberedBlock
        work("text", CleanBlock((None, ("calm",), None), CleaningConfig(), True))
        work("tokens", EncodeBlock(TOKENIZERS["mine"].train([]), True))
        """,
    )
    assert b"Ab!b" in bytes_of(clean)
    assert bytes_of(encode)[:6:2] == b"ab!"  # two bytes a token


def bytes_of(line):
    """Returns the bytes that a line shows after a name."""
    return ast.literal_eval(line.partition(" ")[2])


def test_what_a_program_itself_defines_is_refused_in_one_line(tmp_path):
    tokenizer, step = in_a_program(
        tmp_path,
        """
        class Mine(ByteTokenizer): pass
        def calm(text, settings): return text
        lm_zoo.register("tokenizer", "mine", Mine)
        work("tokens", EncodeBlock(Mine.train([]), True))
        from lm_zoo.text.tokenizers import TOKENIZERS
        del TOKENIZERS.outside["mine"], TOKENIZERS.data["mine"]
        lm_zoo.register("cleaning_step", "calm", DocumentStep(calm))
        work("text", CleanBlock((None, ("calm",), None), CleaningConfig(), True))
        """,
    )
    for line, name in ((tokenizer, "tokenizer 'mine'"), (step, "cleaning_step 'calm'")):
        assert line.startswith(f"register: {name} is defined in the running program")
        assert "its own module" in line and "runtime.data_processes to 1" in line


def test_data_processes_know_what_a_program_registers_from_a_module(tmp_path):
    write(tmp_path, "parts.py", FILE.replace("lm_zoo.register", "(lambda *_: None)"))
    (encode,) = in_a_program(
        tmp_path,
        """
        from parts import Mine
        lm_zoo.register("tokenizer", "mine", Mine)
        work("tokens", EncodeBlock(Mine.train([]), True))
        """,
    )
    assert bytes_of(encode)[:6:2] == b"ab!"  # two bytes a token
