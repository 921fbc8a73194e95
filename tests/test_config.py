"""The config: what it refuses and how, and that JSON carries all of it."""

import dataclasses
import json

import pytest

from lm_zoo.checked_fields import field
from lm_zoo.config import (
    CorpusConfig,
    ExperimentConfig,
    ModelConfig,
    TaskConfig,
    TokenizerConfig,
    config_checks,
    config_json,
)
from lm_zoo.data.corpora import CORPORA
from lm_zoo.errors import UserError
from lm_zoo.registry import build_model
from lm_zoo.tasks import declaration


def changed(path, value):
    config = ExperimentConfig()
    holder, _, name = path.rpartition(".")
    setattr(getattr(config, holder) if holder else config, name, value)
    return config


def test_json_carries_every_field():
    config = ExperimentConfig(
        task=TaskConfig("translation", too_long="drop"),
        corpus=CorpusConfig("text_pairs", train_files=("a.txt", "b.txt")),
        tokenizers={"source": TokenizerConfig("bpe", vocab_size=300)},
        model=ModelConfig("gru_lm", size="small", hidden_dim=7, dropout=0.5),
    )
    for config in (config, config_checks.resolve(config)):
        restored = config_json.from_saved(json.loads(config_json.dumps(config)), "config.json")
        assert restored == config
        assert config_json.differences(config, restored) == []


@pytest.mark.parametrize("version", [None, 1, 3, "2"])
def test_json_of_another_version_is_refused(version):
    values = {"format_version": version, **config_json.to_dict(ExperimentConfig())}
    message = f"run/config.json: expected format_version 2, received {version!r}: another version"
    with pytest.raises(UserError, match=message):
        config_json.from_saved(values, "run/config.json")


def test_resolving_fills_in_every_argument_and_leaves_the_config_alone():
    config = ExperimentConfig(task=TaskConfig("language_modeling", layout="packed"))
    resolved = config_checks.resolve(config)
    assert config.task.arguments == {"layout": "packed"}
    assert resolved.task.layout == "packed" and resolved.task.sequence_length == 35
    assert resolved.corpus.arguments == {"validation_fraction": 0.05, "test_fraction": 0.05}
    assert config_checks.resolve(resolved) == resolved
    assert declaration("language_modeling").arguments(**resolved.task.arguments).within_documents


def test_a_corpus_that_is_not_registered_is_needed_only_for_its_text():
    config = ExperimentConfig(corpus=CorpusConfig("mine", path="a", tags=("b",)))
    assert config_checks.resolve(config, needs_corpus=False).corpus == config.corpus
    with pytest.raises(UserError, match="config.corpus.name: unknown name 'mine'"):
        config_checks.resolve(config)


@dataclasses.dataclass
class Mine:
    """A corpus of a user's."""

    path: str
    shift: int = field(3, above=0, below=9)
    weights: tuple[int, ...] = ()


@pytest.mark.parametrize(
    "arguments, expected",
    [
        (
            {"path": "a", "shift": 9},
            "config.corpus.shift: expected a whole number above 0 and below 9, received 9",
        ),
        ({"path": 3}, "config.corpus.path: expected a string, received 3"),
        ({}, "config.corpus.path: expected a value, received none"),
        ({"path": "a", "weights": ("b",)}, "config.corpus.weights: expected a tuple of whole numb"),
        ({"pth": "a"}, "there is no such field of 'mine'. Did you mean config.corpus.path?"),
    ],
)
def test_a_registered_corpus_says_what_its_arguments_are(monkeypatch, arguments, expected):
    monkeypatch.setitem(CORPORA, "mine", Mine)
    resolved = config_checks.resolve(ExperimentConfig(corpus=CorpusConfig("mine", path="a")))
    assert resolved.corpus.arguments == {"path": "a", "shift": 3, "weights": ()}
    with pytest.raises(UserError) as caught:
        config_checks.resolve(ExperimentConfig(corpus=CorpusConfig("mine", **arguments)))
    assert expected in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "path, value, expected",
    [
        ("data.batch_size", 0, "a whole number of at least 1"),
        ("data.batch_size", "20", "a whole number"),
        ("data.batch_size", True, "a whole number"),
        ("task.layout", "window", "Did you mean 'windows'?"),
        ("optimizer.name", "adamW", "Did you mean 'adamw'?"),
        ("optimizer.learning_rate", 0.0, "above 0"),
        ("optimizer.learning_rate", float("nan"), "a finite number"),
        ("optimizer.beta1", 1.0, "below 1"),
        ("task.label_smoothing", 1.0, "at least 0 and below 1"),
        ("schedule.decay_fraction", 0.0, "above 0 and at most 1"),
        ("cleaning.min_alphabetic_words", 1.5, "a finite number of at least 0 and at most 1"),
        ("task.name", "translate", "Did you mean 'translation'?"),
        ("corpus.name", "python_refrence", "Did you mean 'python_reference'?"),
        ("training.best_by", "bleu", "Expected one of: loss"),
        ("data", 3, "a DataConfig"),
        ("task", 3, "a TaskConfig"),
        ("training.precision", "float8", "float16"),
        ("runtime.micro_batches", 21, "at most data.batch_size (20)"),
        ("runtime.jit_compile", 1, "true or false"),
        ("seed", -1, "at least 0"),
    ],
)
def test_a_wrong_value_is_named_with_what_was_expected_and_received(path, value, expected):
    with pytest.raises(UserError) as caught:
        config_checks.resolve(changed(path, value))
    message = str(caught.value)
    assert f"config.{path}" in message
    assert expected in message
    assert repr(value) in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "path, value, expected",
    [
        (
            "corpus.validation_fraction",
            0.97,
            "config.corpus.validation_fraction: expected validation and test below 1 together, "
            "received 1.02.",
        ),
        (
            "tokenizers",
            {"txt": TokenizerConfig()},
            "config.tokenizers: unknown name 'txt'. Did you mean 'text'? Expected one of: text.",
        ),
        (
            "tokenizers",
            {"text": "bpe"},
            "config.tokenizers.text: expected a TokenizerConfig, received 'bpe'.",
        ),
    ],
)
def test_values_that_do_not_go_together_are_refused(path, value, expected):
    with pytest.raises(UserError) as caught:
        config_checks.resolve(changed(path, value))
    assert str(caught.value) == expected


def test_whole_numbers_are_taken_for_float_fields():
    config = config_checks.resolve(changed("optimizer.learning_rate", 1))
    assert isinstance(config.optimizer.learning_rate, float)


@pytest.mark.parametrize(
    "path, guess",
    [
        ("optimizer.learningrate", "optimizer.learning_rate"),
        ("optimiser.learning_rate", "optimizer.learning_rate"),
        ("batch_size", "data.batch_size"),
        ("traning", "training"),
    ],
)
def test_an_unknown_field_is_answered_with_the_nearest(path, guess):
    with pytest.raises(UserError, match=guess.replace(".", r"\.")):
        config_checks.check_field_path(ExperimentConfig(), path)


def test_model_arguments_are_those_of_its_constructor():
    config = changed("model.hiden_dim", 3)
    with pytest.raises(UserError, match="config.model.hiden_dim: unknown name.*'hidden_dim'"):
        config_checks.resolve(config)
    with pytest.raises(UserError, match="model.hiden_dim: unknown name.*'hidden_dim'"):
        build_model(config.model.name, vocab_size=5, **config.model.arguments)


def test_from_dict_refuses_unknown_fields_and_shapes():
    with pytest.raises(UserError, match="Did you mean 'batch_size'"):
        config_json.from_dict({"data": {"batchsize": 3}})
    with pytest.raises(UserError, match="data: expected a mapping"):
        config_json.from_dict({"data": 3})
    with pytest.raises(UserError, match="tokenizers: expected a mapping, received 3"):
        config_json.from_dict({"tokenizers": 3})
    with pytest.raises(UserError, match="TaskConfig: 'arguments' cannot be an argument"):
        config_json.from_dict({"task": {"name": "translation", "arguments": 3}})
    with pytest.raises(UserError, match="model: expected a mapping with a name"):
        config_json.from_dict({"model": {"size": "x"}})


def test_differences_name_fields_and_ignore_how_it_is_run():
    other = changed("runtime.jit_compile", True)
    assert config_json.differences(ExperimentConfig(), other) == []
    other.model.hidden_dim = 3
    other.seed = 5
    assert config_json.differences(ExperimentConfig(), other) == [
        ("model.hidden_dim", "(not set)", 3),
        ("seed", 0, 5),
    ]
