"""Sizes, initial weights and limits of the Transformer decoder."""

import numpy as np
import pytest

from lm_zoo.errors import UserError
from lm_zoo.models.transformer_decoder import TransformerDecoder
from lm_zoo.registry import build_model


def test_gpt2_small_has_124_439_808_parameters():
    model = build_model("transformer_decoder", "gpt2_small", vocab_size=50257, seed=None)
    assert model.num_parameters == 124_439_808
    # 2 per weight of a product, and 4 T C per layer for scores and sums of values.
    products = 12 * 12 * 768**2 + 50257 * 768
    assert model.flops_per_token(1024) == 2 * products + 12 * 4 * 1024 * 768


@pytest.mark.parametrize(
    "size, expected",
    [("gpt2_medium", 354_823_168), ("gpt2_large", 774_030_080), ("gpt2_xl", 1_557_611_200)],
)
def test_the_larger_gpt2_sizes_have_the_published_parameters(size, expected):
    """They are too large to build here, so the closed form is held against a small model too."""

    def count(vocab_size, width, layers):
        return (vocab_size + 1024) * width + layers * (12 * width**2 + 13 * width) + 2 * width

    small = build_model("transformer_decoder", vocab_size=5, hidden_dim=8, num_layers=2)
    assert small.num_parameters == count(5, 8, 2)
    arguments = TransformerDecoder.SIZES[size]
    assert count(50257, arguments["hidden_dim"], arguments["num_layers"]) == expected


def test_initial_weights_are_gpt2s():
    model = build_model(
        "transformer_decoder", vocab_size=200, hidden_dim=128, num_layers=8, num_heads=4
    )
    for variable in model.trainable_variables:
        value, path = variable.numpy(), variable.path
        if path.endswith("gamma"):
            np.testing.assert_array_equal(value, 1)
        elif path.endswith(("bias", "beta")):
            np.testing.assert_array_equal(value, 0)
        else:
            residual = "attention/output_projection" in path or "outer" in path
            stddev = 0.02 / np.sqrt(16) if residual else 0.02
            assert value.std() == pytest.approx(stddev, rel=0.05), path
            assert abs(value.mean()) < 0.1 * stddev


def test_no_two_weights_start_alike():
    model = build_model("transformer_decoder", vocab_size=16, hidden_dim=16, num_layers=3)
    kernels = [v.numpy().ravel()[:64] for v in model.trainable_variables if len(v.shape) == 2]
    kernels = [k / k.std() for k in kernels]
    for i, a in enumerate(kernels):
        for b in kernels[:i]:
            assert np.abs(a - b).max() > 0.1


@pytest.mark.parametrize("hidden_dim, expected", [(128, 384), (384, 1024), (768, 2048)])
def test_swiglu_is_as_wide_as_eight_thirds_rounded_up(hidden_dim, expected):
    model = TransformerDecoder(5, hidden_dim=hidden_dim, num_layers=1, feed_forward="swiglu")
    assert model.blocks[0].intermediate_dim == expected


@pytest.mark.parametrize("size", TransformerDecoder.SIZES)
def test_every_size_is_a_valid_model(size):
    arguments = TransformerDecoder.SIZES[size]
    model = TransformerDecoder(11, **arguments)
    assert model.get_config().items() >= arguments.items()
    assert len(model.blocks) == model.get_config()["num_layers"]


def test_more_tokens_than_the_context_holds_are_refused():
    model = build_model("transformer_decoder", vocab_size=5, hidden_dim=8, context_length=6)
    ids = np.zeros((1, 7), np.int32)
    for call in (model, lambda ids: model.forward(ids, model.initial_state(1))):
        with pytest.raises(UserError, match="context_length.*6.*7"):
            call(ids)
        assert call(ids[:, :6])[0].shape[-1] == 5


def test_ids_are_read_whatever_integer_type_they_have():
    model = build_model("transformer_decoder", vocab_size=5, hidden_dim=8, context_length=6)
    expected = model(np.array([[1, 2, 4]], np.int32))
    for dtype in (np.uint16, np.int64):
        np.testing.assert_array_equal(model(np.array([[1, 2, 4]], dtype)), expected)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (dict(num_heads=3), "num_heads.*divisor of hidden_dim.*128.*3"),
        (dict(num_kv_heads=3), "num_kv_heads.*divisor of num_heads.*4.*3"),
        (dict(num_kv_heads=-1), "num_kv_heads.*at least 0"),
        (dict(num_heads=128, position="rope"), "num_heads.*even"),
        (dict(position="rotary"), "position.*'rotary'.*learned"),
        (dict(normalization="batch"), "normalization.*'batch'"),
        (dict(feed_forward="swigloo"), "feed_forward.*'swigloo'.*'swiglu'"),
        (dict(context_length=0), "context_length.*at least 1"),
        (dict(rope_theta=0.0), "rope_theta"),
        (dict(dropout=-0.1), "dropout"),
        (dict(hidden_dim=True), "hidden_dim.*whole number.*True"),
        (dict(layers=3), "layers.*num_layers"),
    ],
)
def test_values_out_of_range_are_refused_by_name(arguments, message):
    with pytest.raises(UserError, match=message) as raised:
        TransformerDecoder(11, **arguments)
    assert "\n" not in str(raised.value)
