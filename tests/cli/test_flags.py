"""From `--config=... --config.FIELD=VALUE` to a checked config, or to one clear line."""

import pathlib
import re

import pytest

from lm_zoo import config as config_lib
from lm_zoo.cli import config_overrides
from lm_zoo.cli.config_overrides import load_config
from lm_zoo.config import (
    ExperimentConfig,
    ModelConfig,
    config_checks,
    config_files,
    config_json,
)
from lm_zoo.config.config_checks import value_at
from lm_zoo.config.config_files import read_config, shipped_configs
from lm_zoo.errors import UserError
from lm_zoo.models import MODELS
from lm_zoo.registration import PROGRAM, Registered

CONFIG = """
from lm_zoo.config import CorpusConfig, ExperimentConfig, ModelConfig


def get_config():
    return ExperimentConfig(
        name="tiny",
        corpus=CorpusConfig("text_files", train_files=("old.txt",)),
        model=ModelConfig(
            "users_own",
            hidden_dim=20,
            dropout=0,
            tied=True,
            activation="tanh",
            window=None,
            widths=(1, 2),
        ),
    )
"""


@pytest.fixture(autouse=True)
def users_own(monkeypatch):
    """A model from outside, which is not looked at until it is built."""
    own = Registered("nowhere:Model", PROGRAM)
    for names, what in ((MODELS.outside, own), (MODELS.data, own.what)):
        monkeypatch.setitem(names, "users_own", what)


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "tiny.py"
    file.write_text(CONFIG)
    return file


@pytest.fixture
def load(path):
    def from_arguments(*arguments):
        config, rest = load_config([f"--config={path}", *arguments])
        assert rest == []
        return config

    return from_arguments


def test_an_argument_is_taken_away(load):
    config = load("--config.model.dropout=default", "--config.corpus.train_files=default")
    assert "dropout" not in config.model.arguments and config.model.hidden_dim == 20
    assert config.corpus.train_files == ()
    assert load("--config.name=default").name == "default"  # a field, and no argument
    assert load("--config.model.dropout=default", "--config.model.dropout=1").model.dropout == 1


@pytest.mark.parametrize(
    "arguments, field, expected",
    [
        (["--config.seed=7"], "seed", 7),
        (["--config.seed", "7"], "seed", 7),
        (["-config.seed=7"], "seed", 7),
        (["--config.seed=7", "--config.seed=8"], "seed", 8),
        (["--config.name=a=b --config.seed=9"], "name", "a=b --config.seed=9"),
        (["--config.name="], "name", ""),
        (["--config.task.sequence_length=1_000"], "task.sequence_length", 1000),
        (["--config.task.layout=packed"], "task.layout", "packed"),
        (["--config.task.across_documents"], "task.across_documents", True),
        (["--config.task.label_smoothing=0"], "task.label_smoothing", 0.0),
        (["--config.corpus.test_fraction=.1"], "corpus.test_fraction", 0.1),
        (["--config.tokenizers.text.name=bpe"], "tokenizers.text.name", "bpe"),
        (["--config.tokenizers.text.min_count=2"], "tokenizers.text.min_count", 2),
        (["--config.optimizer.learning_rate=2e-3"], "optimizer.learning_rate", 2e-3),
        (["--config.optimizer.learning_rate=1"], "optimizer.learning_rate", 1.0),
        (["--config.optimizer.name", "adamw"], "optimizer.name", "adamw"),
        (["--config.task.sample_prompt=-- ,(x)"], "task.sample_prompt", "-- ,(x)"),
        (["--config.runtime.jit_compile"], "runtime.jit_compile", True),
        (["--config.runtime.jit_compile=true"], "runtime.jit_compile", True),
        (["--config.runtime.jit_compile", "False"], "runtime.jit_compile", False),
        (["--noconfig.runtime.jit_compile"], "runtime.jit_compile", False),
        (["--config.corpus.train_files=a.txt"], "corpus.train_files", ("a.txt",)),
        (
            ["--config.corpus.train_files=a.txt,dir/b c.txt"],
            "corpus.train_files",
            ("a.txt", "dir/b c.txt"),
        ),
        (
            ["--config.corpus.train_files", "a", "--config.corpus.train_files=b"],
            "corpus.train_files",
            ("a", "b"),
        ),
        (['--config.corpus.train_files=("a,1.txt", "2")'], "corpus.train_files", ("a,1.txt", "2")),
        (['--config.corpus.train_files=("a,1.txt")'], "corpus.train_files", ("a,1.txt",)),
        (["--config.corpus.train_files=1"], "corpus.train_files", ("1",)),
        (["--config.corpus.train_files=[0-9]*.txt"], "corpus.train_files", ("[0-9]*.txt",)),
        (["--config.corpus.train_files=[12]"], "corpus.train_files", ("[12]",)),
        (["--config.corpus.train_files=[1] a.txt,b"], "corpus.train_files", ("[1] a.txt", "b")),
        (["--config.corpus.train_files=(copy) a.txt"], "corpus.train_files", ("(copy) a.txt",)),
        (['--config.corpus.train_files=["[ab]*", "c"]'], "corpus.train_files", ("[ab]*", "c")),
        (["--config.corpus.train_files="], "corpus.train_files", ()),
        (["--config.model.size=small"], "model.size", "small"),
        (["--config.model.hidden_dim=64"], "model.hidden_dim", 64),
        (["--config.model.dropout=0.25"], "model.dropout", 0.25),
        (["--config.model.activation=relu"], "model.activation", "relu"),
        (["--config.model.activation=5"], "model.activation", "5"),
        (["--noconfig.model.tied"], "model.tied", False),
        (["--config.model.tied=false"], "model.tied", False),
        (["--config.model.window=12"], "model.window", 12),
        (["--config.model.hidden_dim=None"], "model.hidden_dim", None),
        (["--config.model.widths=(3, 4, 5)"], "model.widths", (3, 4, 5)),
        (["--config.model.new=3"], "model.new", 3),
        (["--config.model.new", "-3"], "model.new", -3),
        (["--config.model.new=0.5"], "model.new", 0.5),
        (["--config.model.new=word"], "model.new", "word"),
        (["--config.model.new", "two words"], "model.new", "two words"),
        (["--config.model.new='quoted'"], "model.new", "quoted"),
        (["--config.model.new=true"], "model.new", True),
        (["--config.model.new"], "model.new", True),
        (["--noconfig.model.new"], "model.new", False),
        (["--config.model.new=(1, 2)"], "model.new", (1, 2)),
        (["--config.model.new=[1, 2]"], "model.new", (1, 2)),
    ],
)
def test_overrides_have_the_fields_type(load, arguments, field, expected):
    config = load(*arguments)
    found = value_at(config, field)
    assert found == expected and type(found) is type(expected)
    unchanged = {k: v for k, v in config_json.flatten(load()).items() if k != field}
    assert unchanged.items() <= config_json.flatten(config).items()


@pytest.mark.parametrize(
    "argument, message",
    [
        (
            "--config.data.batch_size=abc",
            "config.data.batch_size: expected a whole number, received 'abc'",
        ),
        (
            "--config.data.batch_size=1.5",
            "config.data.batch_size: expected a whole number, received '1.5'",
        ),
        (
            "--config.data.batch_size=",
            "config.data.batch_size: expected a whole number, received ''",
        ),
        (
            "--config.data.batch_size",
            "expected a whole number, received nothing; give it as --config.data",
        ),
        (
            "--config.data.batch_size=0",
            "batch_size: expected a whole number of at least 1, received 0",
        ),
        (
            "--config.optimizer.learning_rate=fast",
            "config.optimizer.learning_rate: expected a finite number, rec",
        ),
        ("--config.optimizer.learning_rate=nan", "expected a finite number above 0, received nan"),
        (
            "--config.runtime.jit_compile=maybe",
            "config.runtime.jit_compile: expected true or false, received 'm",
        ),
        (
            "--config.batch_size=3",
            "config.batch_size: there is no such field. Did you mean config.data.batch",
        ),
        ("--config.optimizer.learning_rat=3", "Did you mean config.optimizer.learning_rate?"),
        (
            "--config.optimizer.name=adan",
            "received 'adan'. Did you mean 'adam'?",
        ),
        (
            "--config.data=3",
            "config.data: it has fields of its own; change those, as in --config.data.batch_size=V",
        ),
        (
            "--config.model=gru_lm",
            "config.model: it has fields of its own; change those, as in --config.model.na",
        ),
        (
            "--config.task=translation",
            "config.task: it has fields of its own; change those, as in --config.task.name=V",
        ),
        ("--config.tokenizers=bpe", "change those, as in --config.tokenizers.text.name=V"),
        (
            "--config.tokenizers.txt.name=bpe",
            "config.tokenizers.txt.name: unknown name 'txt'. Did you mean 'text'?",
        ),
        (
            "--config.task.sequence_lenght=3",
            "config.task.sequence_lenght: there is no such field of 'language_modeling'. Did you "
            "mean config.task.sequence_length?",
        ),
        (
            "--config.task.batch_tokens=3",
            "config.task.batch_tokens: there is no such field of 'language_modeling'.",
        ),
        (
            "--config.corpus.train_file=a",
            "config.corpus.train_file: there is no such field of 'text_files'. Did you mean "
            "config.corpus.train_files?",
        ),
        (
            "--config.task.layout=window",
            "config.task.layout: expected one of contiguous, windows, packed, received 'window'. Did you",
        ),
        (
            "--config.task.name=translate",
            "config.task.name: unknown name 'translate'. Did you mean 'translation'?",
        ),
        (
            "--config.sequence_length=3",
            "there is no such field. Did you mean config.task.sequence_length?",
        ),
        ("--config.seed.x=3", "config.seed.x: seed has no fields"),
        ("--config.=3", "config"),
        ("--config.model.=3", "config.model.: expected the name of one argument"),
        (
            "--config.model.hidden-dim=3",
            "config.model.hidden-dim: expected the name of one argument",
        ),
        ("--config.model.a.b=3", "config.model.a.b: expected the name of one argument"),
        ("--config.model.arguments=3", "'arguments' cannot be an argument"),
        ("--config.model.__class__=3", "'__class__' cannot be an argument"),
        (
            "--config.model.hidden_dim=wide",
            "config.model.hidden_dim: expected a whole number, received 'wide'",
        ),
        ("--config.model.tied=3", "config.model.tied: expected true or false, received '3'"),
        (
            "--noconfig.model.hidden_dim",
            "config.model.hidden_dim: expected a whole number, received 'false'",
        ),
        (
            "--noconfig.runtime.jit_compile=true",
            "--noconfig.runtime.jit_compile: it takes no value",
        ),
        (
            "--config.model.new={1: 2}",
            "config.model.new: expected a number, true, false, a string or a tup",
        ),
        (
            "--config.corpus.train_files=(1, 2)",
            "config.corpus.train_files: expected strings, as a,b or",
        ),
        (
            '--config.corpus.train_files=("a',
            "config.corpus.train_files: expected strings, as a,b or",
        ),
        ("--config.corpus.train_files", "config.corpus.train_files: expected strings, as a,b or"),
        ("--noconfig.corpus.train_files", "config.corpus.train_files: expected strings, as a,b or"),
    ],
)
def test_what_does_not_fit_gets_one_line(load, argument, message):
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        load(argument)
    assert "\n" not in str(caught.value)


def test_other_arguments_are_left_in_their_order(path):
    argv = ["run1", "--workdir=w", "--config", str(path), "--config.runtime.jit_compile", "run2"]
    config, rest = load_config([*argv, "--json", "--", "--config.seed=3", "--config"])
    assert config.runtime.jit_compile and config.seed == 0
    assert rest == ["run1", "--workdir=w", "run2", "--json", "--", "--config.seed=3", "--config"]


def test_without_a_config_there_is_none_unless_there_is_a_default():
    assert load_config(["--a", "b"]) == (None, ["--a", "b"])
    with pytest.raises(UserError, match="--config.seed=3: there is no --config=NAME"):
        load_config(["--config.seed=3"])
    default = ExperimentConfig()
    config, rest = load_config(["--config.seed=3", "x"], default)
    assert (config.seed, rest, default.seed) == (3, ["x"], 0)
    for argv in (["--config"], ["--config="], ["--config", "--json"]):
        with pytest.raises(UserError, match="--config: expected a name or a path"):
            load_config(argv)


def test_another_model_keeps_the_arguments_that_it_has_too(load, caplog):
    model = load("--config.model.name=gru_lm").model
    assert model == ModelConfig("gru_lm", hidden_dim=20, dropout=0)
    assert "config.model: gru_lm has no tied, activation, window, widths" in caplog.text
    load("--config.model.name=gru_lm", "--config.model.size=small")
    with pytest.raises(UserError, match="config.model.size: unknown name 'smal'.*'small'"):
        load("--config.model.name=gru_lm", "--config.model.size=smal")
    with pytest.raises(UserError, match="config.model.name: unknown name 'gru_ml'.*'gru_lm'"):
        load("--config.model.name=gru_ml")


def test_another_corpus_keeps_what_it_has_too(load):
    arguments = ("--config.corpus.test_fraction=0.1", "--config.corpus.name")
    corpus = load(*arguments, "synthetic", "--config.corpus.tokens", "500").corpus
    assert (corpus.name, corpus.tokens, corpus.test_fraction) == ("synthetic", 500, 0.1)
    assert "train_files" not in corpus.arguments
    task = load("--config.task.name=translation", "--config.task.batch_tokens=9").task
    assert task.arguments["batch_tokens"] == 9 and "layout" not in task.arguments
    tokenizers = load(
        "--config.task.name=translation", "--config.tokenizers.source.name=bpe"
    ).tokenizers
    assert tokenizers == {"source": config_lib.TokenizerConfig("bpe")}


def test_the_last_config_counts(path, tmp_path):
    other = tmp_path / "other.py"
    other.write_text(CONFIG.replace('"tiny"', '"other"'))
    assert load_config([f"--config={path}", "--config", str(other)])[0].name == "other"


@pytest.mark.parametrize(
    "source, message",
    [
        ("def get_config(:\n", "line 1: SyntaxError"),
        ("\nimport lm_zooo\n", "line 2: ModuleNotFoundError: No module named 'lm_zooo'"),
        (
            "def f():\n    return 1 / 0\n\n\ndef get_config():\n    return f()\n",
            "line 2: ZeroDivisionError",
        ),
        ("x = 1\n", "expected a function get_config(), found none"),
        (
            "def get_config():\n    return {}\n",
            "get_config() returned dict, expected an ExperimentConfig",
        ),
        (
            "from lm_zoo.config import *\ndef get_config():\n    return ExperimentConfig(sed=3)\n",
            "line 3: TypeError",
        ),
        ("raise ValueError('two\\nlines')\n", "line 1: ValueError: two lines"),
        (b"\xff\xfe\n".decode("latin-1"), "SyntaxError"),
    ],
)
def test_a_broken_config_file_is_named_with_its_line(tmp_path, source, message):
    file = tmp_path / "broken.py"
    file.write_bytes(source.encode("latin-1"))
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        load_config([f"--config={file}"])
    assert str(file) in str(caught.value) and "\n" not in str(caught.value)


def test_a_config_wrong_in_itself_is_not_blamed_on_an_override(tmp_path):
    file = tmp_path / "wrong.py"
    file.write_text(CONFIG.replace('name="tiny"', "seed='x'"))
    with pytest.raises(
        UserError,
        match="config.seed: expected a whole number of at least 0 and below 2147483648, rec",
    ):
        load_config([f"--config={file}", "--config.name=a"])
    with pytest.raises(
        UserError,
        match="config.seed: expected a whole number of at least 0 and below 2147483648, rec",
    ):
        load_config([f"--config={file}", "--config.seed=3", "--config.data.batch_size=3"])


def test_reading_a_config_leaves_nothing_and_sees_every_change(path):
    assert read_config(str(path)).name == "tiny"
    before = path.stat()
    path.write_text(CONFIG.replace('"tiny"', '"tinz"'))  # the same size, within the same second
    assert before.st_size == path.stat().st_size
    assert read_config(str(path)).name == "tinz"
    assert [p.name for p in path.parent.iterdir()] == ["tiny.py"]


def test_shipped_configs_are_found_by_name_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = list(shipped_configs())
    assert names and names == sorted(names)
    for name in names:
        found = map(config_checks.resolve, (read_config(name), read_config(f"configs/{name}.py")))
        assert next(found) == next(found)


def test_shipped_configs_may_be_a_package_of_their_own(tmp_path, monkeypatch):
    """They are the package `lm_zoo.configs`, wherever that is."""
    (tmp_path / "one.py").write_text(CONFIG)
    (tmp_path / "__init__.py").write_text("")
    monkeypatch.setattr(config_files.configs, "__path__", [str(tmp_path)])
    assert shipped_configs() == {"one": pathlib.Path(tmp_path / "one.py")}
    assert read_config("configs/one.py").name == "tiny"


def test_a_config_that_is_nowhere_gets_the_nearest_name(tmp_path):
    nearest = sorted(shipped_configs())[0]
    with pytest.raises(UserError, match=f"neither a file nor a shipped .* Did you mean {nearest}"):
        load_config([f"--config=configs/{nearest[:-1]}.py"])
    with pytest.raises(UserError, match="neither a file nor a shipped config"):
        load_config([f"--config={tmp_path}"])
    (tmp_path / "config.txt").write_text("{}")
    with pytest.raises(UserError, match="expected a Python file.*or a run's config.json"):
        load_config([f"--config={tmp_path / 'config.txt'}"])


def test_the_config_that_a_run_has_kept_is_one(load, tmp_path):
    config = load("--config.seed=4")
    kept = tmp_path / "config.json"
    kept.write_text(config_json.dumps(config))
    found, _ = load_config([f"--config={kept}", "--config.seed=5"])
    assert found.seed == 5 and config_json.differences(config, found) == [("seed", 4, 5)]
    for text, message in (("{", "is damaged"), ("{}", "expected format_version")):
        kept.write_text(text)
        with pytest.raises(UserError, match=f"--config: .*{message}"):
            load_config([f"--config={kept}"])


def test_model_config_arguments_are_copied_not_shared(path):
    config = ExperimentConfig(model=ModelConfig("lstm_lm", hidden_dim=4))
    changed = config_overrides.apply_overrides(
        config, [config_overrides.Override("model.hidden_dim", "5")]
    )
    assert (config.model.hidden_dim, changed.model.hidden_dim) == (4, 5)
