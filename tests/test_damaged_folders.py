"""Every file of a run, an export and a Hugging Face folder, damaged in every way: one line or none.

A command ends with status 0, or with 2 and one line; whatever is there, it neither raises anything
nor waits.
"""

import random
import signal

import pytest

from lm_zoo.cli.main import main
from lm_zoo.errors import UserError
from tests.mutations import damage, restored

CASES = 100  # of each kind of folder
SECONDS = 60  # that one command may take
CONFIG = """
from lm_zoo.config import *


def get_config():
    return ExperimentConfig(
        task=TaskConfig("language_modeling", layout="windows", sequence_length=16, sample_length=0),
        corpus=CorpusConfig("synthetic", tokens=2000),
        data=DataConfig(batch_size=4, cache_dir={cache!r}),
        tokenizer=TokenizerConfig({tokenizer!r}, vocab_size=264),
        model=ModelConfig(
            "transformer_decoder", hidden_dim=8, num_layers=1, num_heads=2, context_length=16
        ),
        training=TrainingConfig(steps=4, validation_interval=2),
    )
"""


@pytest.fixture(scope="module")
def trained_runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("whole")
    for tokenizer in ("character", "bpe"):
        text = CONFIG.format(cache=str(root / "cache"), tokenizer=tokenizer)
        (root / f"{tokenizer}.py").write_text(text)
        run = f"--workdir={root}/{tokenizer}"
        assert main(["train", f"--config={root}/{tokenizer}.py", run]) == 0
    assert main(["evaluate", f"--workdir={root}/character"]) == 0
    run = f"--workdir={root}/character"
    assert main(["export", run, f"--output={root}/export", "--name=model"]) == 0
    run = f"--workdir={root}/bpe"
    assert main(["export", run, f"--output={root}", "--name=folder", "--format=hugging_face"]) == 0
    (root / "text.txt").write_text("abab\n")
    return root


def commands_on_a_run(root, folder, number):
    run = f"--workdir={folder}"
    commands = (
        ("evaluate", run),
        ("score", run, f"--input={root}/text.txt"),
        ("generate", run, "--prompt=ab", "--max_new_tokens=2"),
        ("train", f"--config={root}/character.py", run, "--config.training.steps=4"),
        ("compare", str(folder), f"{root}/character"),
    )
    return commands[number % len(commands)]


def commands_on_weights(root, folder, number):
    return "import", f"--from={folder}", f"--workdir={folder}-imported-{number}"


def serve(folder, trust):
    """What `lm-zoo serve` does before it listens."""
    from lm_zoo.serving.served_model import ServedModel

    ServedModel(folder, trust=trust).warm_up()


@pytest.fixture
def no_waiting():
    def late(number, frame):
        raise TimeoutError(f"it still waits after {SECONDS} s")

    before = signal.signal(signal.SIGALRM, late)
    yield lambda: signal.alarm(SECONDS)
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, commands",
    [("character", commands_on_a_run), ("folder", commands_on_weights), ("export", None)],
)
def test_a_damaged_file_is_one_line(trained_runs, tmp_path, capsys, no_waiting, name, commands):
    chance, refused, folder = random.Random(0), 0, tmp_path / name
    names = sorted(
        path.relative_to(trained_runs / name)
        for path in (trained_runs / name).rglob("*")
        if path.is_file() and path.name not in ("README.md", ".lock")
    )
    for number in range(CASES):
        restored(trained_runs / name, folder)
        done = f"{number}: {damage(folder / names[number % len(names)], chance)}"
        no_waiting()
        try:
            if commands is None:
                serve(folder / "model", trust=number % 2 == 1)  # else the checksums end it at once
                continue
            arguments = commands(trained_runs, folder, number)
            capsys.readouterr()
            status = main([*arguments])
        except UserError as error:
            assert str(error) and "\n" not in str(error), done
            refused += 1
            continue
        except BaseException as error:
            raise AssertionError(f"{done}: {type(error).__name__}: {error}") from error
        errors = capsys.readouterr().err
        lines = [line for line in errors.splitlines() if ": error: " in line]
        assert status in (0, 2), done
        assert "Traceback" not in errors, (done, errors)
        assert len(lines) == (status == 2), (done, errors)
        refused += status == 2
    assert refused > CASES / 4  # else nothing was looked at
