"""Models by name, with checked arguments and reproducible weights."""

import numpy as np
import pytest

from lm_zoo.errors import UserError
from lm_zoo.registry import MODELS, build_model, list_models
from tests.conformance.models import ROWS


def test_the_models_are_listed():
    assert list_models() == sorted(MODELS)
    assert set(ROWS) <= set(list_models())  # each has its row in the conformance table


@pytest.mark.parametrize("name", sorted(MODELS))
def test_the_tiny_size_of_every_model_is_built_with_its_variables(name):
    model = build_model(name, "tiny", vocab_size=11)
    assert model.built and model.name == name
    assert model.num_parameters == sum(w.size for w in model.get_weights())
    assert model(np.zeros((1, 2), np.int32)).shape == (1, 2, 11)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_size_takes_arguments_of_the_class(name):
    cls = MODELS[name]
    assert all(
        set(arguments) < set(cls.constructor_parameters()) for arguments in cls.SIZES.values()
    )


def test_single_arguments_override_the_size():
    model = build_model("lstm_lm", "zaremba_small", vocab_size=11, hidden_dim=6, forget_bias=1)
    assert (model.hidden_dim, model.num_layers, model.init_scale) == (6, 2, 0.1)
    assert model.forget_bias == 1.0 and isinstance(model.forget_bias, float)


def test_the_dtype_policy_is_the_models():
    model = build_model("gru_lm", vocab_size=5, hidden_dim=4, dtype="mixed_bfloat16")
    assert model.compute_dtype == "bfloat16" and model.variable_dtype == "float32"


@pytest.mark.parametrize("name", sorted(MODELS))
def test_the_seed_alone_decides_the_initial_weights(name):
    def weights(seed):
        model = build_model(name, "tiny", vocab_size=11, seed=seed)
        return {v.path: v.numpy() for v in model.trainable_variables}

    first, again, other = weights(1), weights(1), weights(2)
    for path, value in first.items():
        np.testing.assert_array_equal(value, again[path])
        if value.ndim == 2 and value.std() > 0:  # not biases and gains, which start constant
            assert np.abs(value - other[path]).max() > 0, path


@pytest.mark.parametrize(
    "arguments, message",
    [
        (dict(name="lstm"), "model.name.*'lstm'.*Did you mean 'lstm_lm'"),
        (dict(size="zaremba_smal"), "model.size.*Did you mean 'zaremba_small'"),
        (dict(size=3), "model.size.*3"),
        (dict(hiden_dim=3), "model.hiden_dim.*Did you mean 'hidden_dim'"),
        (dict(hidden_dim=3.5), "model.hidden_dim: expected a whole number, received 3.5"),
        (dict(hidden_dim="3"), "model.hidden_dim: expected a whole number, received '3'"),
        (dict(hidden_dim=True), "model.hidden_dim: expected a whole number, received True"),
        (dict(dropout=False), "model.dropout: expected a finite number, received False"),
        (dict(dropout=float("nan")), "model.dropout: expected a finite number, received nan"),
        (dict(tie_embeddings=1), "model.tie_embeddings: expected true or false, received 1"),
        (dict(vocab_size="ten"), "model.vocab_size: expected a whole number"),
        (dict(seed=1.5), "model.seed: expected a whole number"),
        (dict(dtype="float12"), "dtype.*'float12'"),
    ],
)
def test_mistakes_are_named_in_one_line(arguments, message):
    arguments = {"name": "lstm_lm", "vocab_size": 11, **arguments}
    with pytest.raises(UserError, match=message) as raised:
        build_model(**arguments)
    assert "\n" not in str(raised.value)
