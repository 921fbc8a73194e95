"""The config: what it refuses and how, and that JSON carries all of it."""

import json

import pytest

from lm_zoo import config as config_lib
from lm_zoo import config_checks
from lm_zoo.config import ExperimentConfig, ModelConfig
from lm_zoo.errors import UserError


def changed(path, value):
    config = ExperimentConfig()
    holder, _, name = path.rpartition(".")
    setattr(getattr(config, holder) if holder else config, name, value)
    return config


def test_json_carries_every_field():
    config = changed("data.train_files", ("a.txt", "b.txt"))
    config.model = ModelConfig("gru_lm", size="small", hidden_dim=7, dropout=0.5)
    restored = config_lib.from_dict(json.loads(config_lib.dumps(config)))
    assert restored == config
    assert config_lib.differences(config, restored) == []


@pytest.mark.parametrize(
    "path, value, expected",
    [
        ("data.batch_size", 0, "at least 1"),
        ("data.batch_size", "20", "a whole number"),
        ("data.batch_size", True, "a whole number"),
        ("data.layout", "window", "Did you mean 'windows'?"),
        ("optimizer.name", "adamW", "Did you mean 'adamw'?"),
        ("optimizer.learning_rate", 0.0, "above 0"),
        ("optimizer.learning_rate", float("nan"), "a finite number"),
        ("optimizer.beta1", 1.0, "below 1"),
        ("data.validation_fraction", 0.97, "below 1 together"),
        ("training.precision", "float8", "float16"),
        ("runtime.micro_batches", 21, "at most data.batch_size (20)"),
        ("runtime.jit_compile", 1, "a bool"),
        ("seed", -1, "at least 0"),
    ],
)
def test_a_wrong_value_is_named_with_what_was_expected_and_received(path, value, expected):
    with pytest.raises(UserError) as caught:
        config_checks.validate(changed(path, value))
    message = str(caught.value)
    assert f"config.{path}" in message
    assert expected in message
    assert repr(value) in message or path == "data.validation_fraction"
    assert "\n" not in message


def test_whole_numbers_are_taken_for_float_fields():
    config = config_checks.validate(changed("optimizer.learning_rate", 1))
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


def test_model_arguments_are_left_to_the_registry():
    config_checks.check_field_path(ExperimentConfig(), "model.anything")


def test_from_dict_refuses_unknown_fields_and_shapes():
    with pytest.raises(UserError, match="Did you mean 'batch_size'"):
        config_lib.from_dict({"data": {"batchsize": 3}})
    with pytest.raises(UserError, match="data: expected a mapping"):
        config_lib.from_dict({"data": 3})
    with pytest.raises(UserError, match="model: expected a mapping with a name"):
        config_lib.from_dict({"model": {"size": "x"}})


def test_differences_name_fields_and_ignore_how_it_is_run():
    other = changed("runtime.jit_compile", True)
    assert config_lib.differences(ExperimentConfig(), other) == []
    other.model.hidden_dim = 3
    other.seed = 5
    assert config_lib.differences(ExperimentConfig(), other) == [
        ("model.hidden_dim", "(not set)", 3),
        ("seed", 0, 5),
    ]
