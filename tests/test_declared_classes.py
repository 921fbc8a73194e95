"""What is read from a class's source is what the class says; and mistakes need nothing more."""

import inspect
import os
import re
import subprocess
import sys

import pytest

from lm_zoo.cli.main import main
from lm_zoo.config.declared_classes import DeclaredClass, declared
from lm_zoo.models import MODELS
from lm_zoo.tasks import TASKS


@pytest.mark.parametrize("name", MODELS.data)
def test_a_model_is_read_as_it_is(name):
    found, model = declared(MODELS, name), MODELS[name]
    assert isinstance(found, DeclaredClass)
    assert found.__doc__ == inspect.getdoc(model) and found.SIZES == tuple(model.SIZES)
    expected = {k: p.annotation for k, p in model.constructor_parameters().items()}
    assert {k: p.annotation for k, p in found.constructor_parameters().items()} == expected


@pytest.mark.parametrize("name", TASKS.data)
def test_a_task_is_read_as_it_is(name):
    assert declared(TASKS, name).__doc__ == inspect.getdoc(TASKS[name])


TRAIN = ("train", "--config=quickstart_lstm", "--workdir=ROOT/new")
MISTAKES = {
    "--config.model.hiden_dim=3": "config.model.hiden_dim: unknown name.*'hidden_dim'",
    "--config.model.hidden_dim=wide": "config.model.hidden_dim: expected a whole number.*'wide'",
    "--config.model.size=zaremba_smal": "config.model.size: unknown name.*'zaremba_small'",
    "--config.model.name=lstm": "config.model.name: unknown name 'lstm'",
    "--config.model.vocab_size=9": "config.model.vocab_size: it is not set here",
    "--config.task.layout=window": "config.task.layout: expected.*received 'window'",
    "--config.task.sequence_len=9": "config.task.sequence_len: there is no such field.*config.task.sequence_length",
    "--config.training.best_by=bleu": "config.training.best_by: unknown name 'bleu'",
}


@pytest.mark.parametrize("mistake, message", MISTAKES.items())
def test_mistakes_in_a_config_are_found_before_tensorflow_and_text(mistake, message, tmp_path):
    program = (
        "import sys; from lm_zoo.cli.main import main; status = main(sys.argv[1:]);"
        "print(sorted({'tensorflow', 'keras'} & set(sys.modules))); sys.exit(status)"
    )
    arguments = [each.replace("ROOT", str(tmp_path)) for each in (*TRAIN, mistake)]
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=os.environ | {"LM_ZOO_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (2, "[]\n"), done.stderr
    assert done.stderr.count("\n") == 1
    assert re.search(message, done.stderr), done.stderr
    assert not list(tmp_path.iterdir())


def test_lists_need_no_tensorflow(capsys):
    program = (
        "import sys; from lm_zoo.cli.main import main; main(['list']);"
        "sys.exit(bool({'tensorflow', 'keras'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True).returncode == 0
    assert main(["list", "models"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "Arguments: hidden_dim, num_layers, embedding_dim, dropout" in shown
    assert "vocab_size" not in shown


@pytest.mark.parametrize(
    "mistake, message",
    [
        (
            "--config.model.hidden_dim=0",
            "config.model.hidden_dim: expected .*at least 1, received 0",
        ),
        ("--config.model.dropout=2", "config.model.dropout: expected .*received 2"),
        (
            "--config.model.name=encoder_decoder",
            "config.model.name: encoder_decoder reads a source text.*task translation",
        ),
    ],
)
def test_values_that_a_model_refuses_are_found_before_any_text(mistake, message, tmp_path, capsys):
    cache = f"--config.data.cache_dir={tmp_path / 'cache'}"
    arguments = [each.replace("ROOT", str(tmp_path)) for each in (*TRAIN, *mistake.split(), cache)]
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert re.search(message, printed.err) and not printed.out, printed
    assert not list(tmp_path.iterdir())
