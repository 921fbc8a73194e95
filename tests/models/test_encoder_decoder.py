"""The models that read one text and write another, against keras-hub, numpy and themselves."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from lm_zoo.config import ExperimentConfig, ModelConfig
from lm_zoo.errors import UserError
from lm_zoo.experiment import build_task_model
from lm_zoo.registry import build_model
from lm_zoo.text.tokenizers import TOKENIZERS
from tests.conformance.models import (
    SOURCE_LENGTHS,
    SOURCES,
    TINY_PAIR_MODELS,
    first_state,
)
from tests.small import language_modeling

VOCAB, ROWS, LENGTH = 19, 4, 9
VARIANTS = {
    "transformer": ("encoder_decoder", {}),
    "transformer, its own order": ("encoder_decoder", {"normalize_first": False}),
    "transformer, learned": ("encoder_decoder", {"position": "learned", "share_embeddings": False}),
    "transformer, modern": (
        "encoder_decoder",
        {
            "position": "rope",
            "normalization": "rms_norm",
            "feed_forward": "swiglu",
            "num_kv_heads": 2,
            "use_bias": False,
            "num_encoder_layers": 1,
        },
    ),
    "additive": ("recurrent_encoder_decoder", {}),
    "multiplicative": (
        "recurrent_encoder_decoder",
        {"attention": "multiplicative", "cell": "lstm", "num_encoder_layers": 1},
    ),
    "tied": (
        "recurrent_encoder_decoder",
        {"tie_embeddings": True, "share_embeddings": True, "num_layers": 1},
    ),
}


# One of each kind, for what takes seconds: compiling steps and training.
OFTEN = ("transformer, modern", "additive", "multiplicative")
SOME = [pytest.param(n, marks=() if n in OFTEN else pytest.mark.slow) for n in VARIANTS]


@pytest.fixture(params=VARIANTS)
def model(request):
    name, arguments = VARIANTS[request.param]
    return build_model(name, vocab_size=VOCAB, **(TINY_PAIR_MODELS[name] | arguments))


def target_ids(seed=0):
    return np.random.default_rng(seed).integers(0, VOCAB, (ROWS, LENGTH)).astype(np.int32)


def translate(model, sources=SOURCES, lengths=SOURCE_LENGTHS, ids=None):
    ids = target_ids() if ids is None else ids
    return model(ids, source_ids=sources, source_lengths=tf.constant(lengths)).numpy()


def test_a_target_in_one_call_and_in_pieces_gives_the_same_logits(model):
    ids, expected = target_ids(), translate(model)
    for pieces in ([LENGTH], [1] * LENGTH, [4, 1, 4]):
        state, found, begin = first_state(model, ROWS), [], 0
        for length in pieces:
            logits, state = model.forward(ids[:, begin : begin + length], state)
            found.append(logits)
            begin += length
        np.testing.assert_allclose(tf.concat(found, 1), expected, atol=1e-5)


def test_padding_of_a_source_is_not_seen(model):
    expected = translate(model)
    wider = np.pad(SOURCES, ((0, 0), (0, 3)), constant_values=7)
    np.testing.assert_allclose(translate(model, wider), expected, atol=1e-5)
    changed = SOURCES.copy()
    changed[2, 2:] = 11  # beyond its two tokens
    np.testing.assert_allclose(translate(model, changed), expected, atol=1e-5)
    alone = model(target_ids()[2:3], source_ids=SOURCES[2:3, :2]).numpy()
    np.testing.assert_allclose(alone, expected[2:3], atol=1e-5)


def test_each_source_token_and_its_place_is_seen(model):
    expected = translate(model)
    for place in range(5):
        changed = SOURCES.copy()
        changed[0, place] = 12
        found = translate(model, changed)
        assert np.abs(found[0] - expected[0]).max() > 1e-5, place
        np.testing.assert_allclose(found[1:], expected[1:], atol=1e-6)
    swapped = SOURCES[:, [1, 0, 2, 3, 4]]
    assert np.abs(translate(model, swapped)[0] - expected[0]).max() > 1e-5


def test_a_target_token_is_not_seen_by_those_before(model):
    expected, changed = translate(model), target_ids()
    changed[:, 5:] = (changed[:, 5:] + 1) % VOCAB
    found = translate(model, ids=changed)
    np.testing.assert_allclose(found[:, :5], expected[:, :5], atol=1e-6)
    assert np.abs(found[:, 5:] - expected[:, 5:]).max() > 1e-4


def test_every_state_tensor_has_the_rows_first(model):
    ids = target_ids()
    _, state = model.forward(ids[:, :4], first_state(model, ROWS))
    picked = tf.nest.map_structure(lambda t: tf.gather(t, [2, 0]), state)
    found, _ = model.forward(ids[[2, 0], 4:], picked)
    np.testing.assert_allclose(found, translate(model)[[2, 0], 4:], atol=1e-5)


def test_attention_weights_are_shares_of_the_source(model):
    weights = model.attention_weights(target_ids(), SOURCES, tf.constant(SOURCE_LENGTHS))
    assert weights
    for layer in weights:
        assert layer.shape[0] == ROWS and layer.shape[2:] == (LENGTH, SOURCES.shape[1])
        np.testing.assert_allclose(tf.reduce_sum(layer, -1), 1.0, atol=1e-6)
        assert np.all(layer.numpy()[2, :, :, 2:] == 0)


def test_attention_is_given_with_features(model):
    ids, state = target_ids(), first_state(model, ROWS)
    features, after, weights = model.features_and_attention(ids, state)
    expected, expected_after = model.features(ids, state)
    np.testing.assert_array_equal(features, expected)
    tf.nest.map_structure(np.testing.assert_array_equal, after, expected_after)
    all_layers = model.attention_weights(ids, SOURCES, tf.constant(SOURCE_LENGTHS))
    np.testing.assert_allclose(weights, np.mean(all_layers[-1], 1), atol=1e-6)


def test_neighbouring_rows_may_share_a_source(model):
    def read(rows_per_memory):
        lengths = tf.constant(np.repeat(SOURCE_LENGTHS[:2], rows_per_memory))
        memory = model.encode(np.repeat(SOURCES[:2], rows_per_memory, 0), lengths)
        state = model.initial_state(ROWS, memory=memory)
        return model.features_and_attention(target_ids(), state)

    (features, _, weights), (expected, _, expected_weights) = read(1), read(2)
    np.testing.assert_allclose(features, expected, atol=1e-5)
    np.testing.assert_allclose(weights, expected_weights, atol=1e-6)


@pytest.mark.parametrize("model", SOME, indirect=True)
def test_every_weight_gets_a_gradient_of_its_own_size(model):
    ids = target_ids()

    @tf.function(jit_compile=True, autograph=False)
    def gradients():
        with tf.GradientTape() as tape:
            logits = model(
                ids,
                training=True,
                source_ids=tf.constant(SOURCES),
                source_lengths=tf.constant(SOURCE_LENGTHS),
            )
            loss = tf.reduce_sum(
                tf.nn.sparse_softmax_cross_entropy_with_logits(labels=ids, logits=logits)
            )
        return tape.gradient(loss, model.trainable_variables)

    for variable, gradient in zip(model.trainable_variables, gradients(), strict=True):
        assert gradient is not None and np.abs(gradient).max() > 0, variable.path


def test_it_is_saved_with_its_architecture(model, tmp_path):
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(translate(loaded), translate(model))


@pytest.mark.parametrize("model", SOME, indirect=True)
def test_the_order_of_words_in_the_source_can_be_learned(model):
    """Writes the source backwards: attention has to find the right place."""
    rng = np.random.default_rng(0)
    sources = rng.integers(1, VOCAB, (64, 5)).astype(np.int32)
    lengths = rng.integers(2, 6, 64).astype(np.int32)
    targets = np.zeros((64, 5), np.int32)
    for row, length in enumerate(lengths):
        targets[row, :length] = sources[row, :length][::-1]
    inputs = np.pad(targets[:, :-1], ((0, 0), (1, 0)))
    optimizer = keras.optimizers.Adam(0.01)

    @tf.function(autograph=False)
    def step():
        with tf.GradientTape() as tape:
            logits = model(
                inputs, training=True, source_ids=sources, source_lengths=tf.constant(lengths)
            )
            nll = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=targets, logits=logits)
            loss = tf.reduce_mean(nll)
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        return loss

    optimizer.build(model.trainable_variables)
    losses = [float(step()) for _ in range(120)]
    assert losses[-1] < 0.3 * losses[0], losses[-1]


@pytest.mark.parametrize("normalize_first", [True, False])
def test_blocks_equal_keras_hubs(normalize_first):
    keras_hub = pytest.importorskip("keras_hub")
    model = build_model(
        "encoder_decoder",
        vocab_size=VOCAB,
        normalize_first=normalize_first,
        **TINY_PAIR_MODELS["encoder_decoder"],
    )
    for index, weight in enumerate(model.trainable_variables):
        draw = np.random.default_rng(index).normal(size=weight.shape) * 0.3
        weight.assign(draw + (1 if weight.name in ("gamma", "scale") else 0))
    arguments = dict(
        intermediate_dim=128,
        num_heads=4,
        activation="relu",
        layer_norm_epsilon=1e-5,
        normalize_first=normalize_first,
    )
    width, mask = 32, tf.sequence_mask(SOURCE_LENGTHS, 5)
    x = model._positioned(model.token_embedding(SOURCES), None, tf.range(5))
    for block in model.encoder_blocks:
        theirs = keras_hub.layers.TransformerEncoder(**arguments)
        theirs.build((None, None, width))
        copy_self_attention(block.attention, theirs._self_attention_layer, width)
        copy_rest(block, theirs)
        x = theirs(x, padding_mask=mask)
    memory = model.encoder_norm(x) if normalize_first else x
    ids = target_ids()
    x = model._positioned(model.token_embedding(ids), None, tf.range(LENGTH))
    for block in model.blocks:
        theirs = keras_hub.layers.TransformerDecoder(**arguments)
        theirs.build((None, None, width), (None, None, width))
        copy_self_attention(block.attention, theirs._self_attention_layer, width)
        copy_cross_attention(block.memory_attention, theirs._cross_attention_layer, width)
        copy(block.memory_norm, theirs._cross_attention_layer_norm)
        copy_rest(block, theirs)
        x = theirs(x, memory, encoder_padding_mask=mask)
    expected = model.logits(model.final_norm(x) if normalize_first else x)
    np.testing.assert_allclose(translate(model), expected, atol=1e-5, rtol=1e-5)


def copy(ours, theirs):
    theirs.set_weights(ours.get_weights())


def copy_rest(block, theirs):
    copy(block.attention_norm, theirs._self_attention_layer_norm)
    copy(block.mlp_norm, theirs._feedforward_layer_norm)
    copy(block.mlp.inner, theirs._feedforward_intermediate_dense)
    copy(block.mlp.outer, theirs._feedforward_output_dense)


def copy_self_attention(ours, theirs, width):
    kernel, bias = ours.query_key_value.get_weights()
    parts = zip(np.split(kernel, 3, -1), np.split(bias, 3))
    fill(theirs, parts, ours.output_projection.get_weights(), width)


def copy_cross_attention(ours, theirs, width):
    kernel, bias = ours.key_value.get_weights()
    parts = [tuple(ours.query.get_weights())]
    parts += zip(np.split(kernel, 2, -1), np.split(bias, 2))
    fill(theirs, parts, ours.output_projection.get_weights(), width)


def fill(theirs, parts, output, width, heads=4):
    layers = (theirs._query_dense, theirs._key_dense, theirs._value_dense)
    for layer, (kernel, bias) in zip(layers, parts, strict=True):
        layer.set_weights([kernel.reshape(width, heads, -1), bias.reshape(heads, -1)])
    theirs._output_dense.set_weights([output[0].reshape(heads, -1, width), output[1]])


def test_alignments_equal_the_formulas():
    model = build_model("recurrent_encoder_decoder", vocab_size=VOCAB, hidden_dim=4)
    queries, memory = np.random.default_rng(0).normal(size=(2, 1, 3, 8)).astype(np.float32)
    queries = queries[..., :4]
    alignment = model.alignment
    kernel, bias = alignment.key.get_weights()
    mask = np.zeros((1, 3), np.float32)
    found, weights = alignment(queries, alignment.key(memory), memory, mask)
    hidden = np.tanh(
        (queries @ alignment.query.get_weights()[0])[:, :, None] + (memory @ kernel + bias)[:, None]
    )
    scores = np.exp((hidden @ alignment.score.numpy())[..., 0])
    expected = scores / scores.sum(-1, keepdims=True)
    np.testing.assert_allclose(weights, expected, atol=1e-6)
    np.testing.assert_allclose(found, expected @ memory, atol=1e-5)


@pytest.mark.parametrize(
    "name, arguments, message",
    [
        ("encoder_decoder", {"source_vocab_size": 7}, "source_vocab_size.*share_embeddings.*7"),
        ("encoder_decoder", {"position": "sinusoid"}, "position.*Did you mean 'sinusoidal'"),
        ("encoder_decoder", {"source_length": 0}, "source_length: expected at least 1"),
        ("recurrent_encoder_decoder", {"cell": "gruu"}, "cell.*Did you mean 'gru'"),
        ("recurrent_encoder_decoder", {"attention": "dot"}, "attention.*additive"),
    ],
)
def test_arguments_that_cannot_be_are_named(name, arguments, message):
    with pytest.raises(UserError, match=message):
        build_model(name, vocab_size=VOCAB, **(TINY_PAIR_MODELS[name] | arguments))


def test_a_source_that_is_too_long_is_named():
    model = build_model("encoder_decoder", vocab_size=VOCAB, **TINY_PAIR_MODELS["encoder_decoder"])
    with pytest.raises(UserError, match="source_ids: expected at most source_length .24.*25"):
        model.encode(np.zeros((1, 25), np.int32))


@pytest.mark.parametrize("name", TINY_PAIR_MODELS)
def test_text_without_sources_is_not_for_it(name):
    config = ExperimentConfig(model=ModelConfig(name, **TINY_PAIR_MODELS[name]))
    with pytest.raises(UserError, match="config.model.name: .* reads a source text"):
        build_task_model(language_modeling(config, TOKENIZERS["byte"]()))
