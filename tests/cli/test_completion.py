"""Completion by the Tab key: what may stand where a line ends, and the scripts in real shells."""

import shlex
import shutil
import subprocess
import sys

import pytest

from lm_zoo.cli.completions import shell_words
from lm_zoo.cli.main import COMMANDS, main
from lm_zoo.config import OPTIMIZERS
from lm_zoo.models import MODELS


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a run of translation, as far as completion looks at it, and other files."""
    from lm_zoo.config import (
        CorpusConfig,
        ExperimentConfig,
        ModelConfig,
        TaskConfig,
        config_json,
    )

    root = tmp_path_factory.mktemp("place")
    (root / "runs" / "toy" / "checkpoints" / "step-00000020").mkdir(parents=True)
    config = ExperimentConfig(
        task=TaskConfig("translation"),
        corpus=CorpusConfig("synthetic_translation"),
        model=ModelConfig("encoder_decoder"),
    )
    (root / "runs" / "toy" / "config.json").write_text(config_json.dumps(config))
    (root / "my texts").mkdir()
    (root / "my texts" / "a b.txt").write_text("")
    (root / "mine.py").write_text("raise SystemExit('completion ran it')\n")
    return root


CONFIG = "lm-zoo train --config=quickstart_lstm "


@pytest.mark.parametrize(
    "line, expected",
    [
        ("lm-zoo ev", ["evaluate"]),
        ("lm-zoo help ", sorted(COMMANDS)),
        ("lm-zoo train --wo", ["--workdir="]),
        ("lm-zoo train --config=ptb_lstm_l", ["--config=ptb_lstm_large"]),
        ("lm-zoo train --config=min", ["--config=mine.py"]),
        ("lm-zoo train --config=mine.py --register=mine.py --config.mod", ["--config.model."]),
        (CONFIG + "--config.model.f", ["--config.model.forget_bias="]),
        (CONFIG + "--config.model.name=gru_lm --config.model.f", []),
        (CONFIG + "--config.optimizer.name ", sorted(OPTIMIZERS)),
        (CONFIG + "--config.model.name ", sorted(MODELS)),
        (CONFIG + "--config.model.tie_embeddings=t", ["--config.model.tie_embeddings=true"]),
        ("lm-zoo launch --workers=2 -- tr", ["train", "translate"]),
        ("lm-zoo evaluate --workdir=ru", ["--workdir=runs/"]),
        ("lm-zoo evaluate --workdir runs/", ["runs/toy/"]),
        ("lm-zoo evaluate --workdir=runs/toy --num", ["--num_beams="]),
        ("lm-zoo evaluate --workdir=runs/toy --checkpoint=2", ["--checkpoint=20"]),
        ("lm-zoo evaluate --split=t", ["--split=test", "--split=train"]),
        ("lm-zoo predict --workdir=runs/toy tr", ["translate"]),
        ("lm-zoo predict --workdir=runs/toy translate --num_b", ["--num_beams="]),
        ("lm-zoo export --format=li", ["--format=litert"]),
        ("lm-zoo compare runs/t", ["runs/toy/"]),
        ("lm-zoo list op", ["optimizers"]),
        ("lm-zoo tokenizer show ru", ["runs/"]),
        (r"lm-zoo score --input=my\ texts/", [r"--input=my\ texts/a\ b.txt"]),
        ("lm-zoo score --input 'my t", ["my texts/"]),
        ("lm-zoo nothing --", []),
    ],
)
def test_what_may_stand_there(place, monkeypatch, line, expected):
    monkeypatch.chdir(place)
    assert shell_words(line) == expected


# What the shells themselves do before and after: bash fills COMP_LINE, zsh has `compadd`.
BASH = """
COMP_WORDS=(lm-zoo) COMP_LINE="lm-zoo evaluate --workdir=ru" COMP_POINT=28
_lm_zoo
echo "${COMPREPLY[*]}"
"""
ZSH = """
compadd() { print -r -- "$@" }
words=(lm-zoo evaluate --workdir=ru) CURRENT=3
_lm_zoo
"""


@pytest.mark.parametrize(
    "shell, before, line, expected",
    [
        (["bash", "--norc"], "", BASH, "runs/\n"),
        (["zsh", "-f"], "compdef() {}", ZSH, "-Q -S  -- --workdir=runs/\n-Q --\n"),
    ],
)
def test_the_script_in_a_shell(place, capsys, shell, before, line, expected):
    if not shutil.which(shell[0]):
        pytest.skip(f"there is no {shell[0]} here")
    assert main(["completion", shell[0]]) == 0
    script = capsys.readouterr().out
    ours = f'lm-zoo() {{ {shlex.quote(sys.executable)} -P -m lm_zoo "$@"; }}'
    done = subprocess.run(
        [*shell, "-c", "\n".join([before, ours, script, line])],
        cwd=place,
        capture_output=True,
        text=True,
    )
    assert done.stdout == expected, done.stderr


def test_mistakes_are_named(capsys):
    assert main(["completion", "fish"]) == 2
    assert "Expected one of: bash, zsh" in capsys.readouterr().err
    assert main(["completion"]) == 2
