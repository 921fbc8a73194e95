"""Every registered model through every promise that a model must keep."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from lm_zoo import checkpoints
from lm_zoo.model_tensors import assign_tensors, model_tensors
from lm_zoo.registry import MODELS, build_model
from tests.conformance.models import ALL_VARIANTS, ROWS, first_state

VOCAB = 19
BATCH, LENGTH = 3, 12


@pytest.fixture(params=ALL_VARIANTS)
def variant(request):
    return ALL_VARIANTS[request.param]


def build(variant, **more):
    name, arguments = variant
    return build_model(name, vocab_size=VOCAB, **(arguments | more))


def token_ids(seed=0, batch=BATCH, length=LENGTH):
    return np.random.default_rng(seed).integers(0, VOCAB, size=(batch, length)).astype(np.int32)


def test_the_table_holds_every_registered_model():
    assert set(ROWS) == set(MODELS) - set(MODELS.outside)


def test_text_in_one_call_and_in_pieces_gives_the_same_logits(variant):
    model, ids = build(variant), token_ids()
    whole = model(ids)
    assert whole.shape == (BATCH, LENGTH, VOCAB) and whole.dtype == tf.float32
    for pieces in ([LENGTH], [1] * LENGTH, [5, 1, 4, 2]):
        state, found, start = model.initial_state(BATCH), [], 0
        for length in pieces:
            logits, state = model.forward(ids[:, start : start + length], state)
            found.append(logits)
            start += length
        np.testing.assert_allclose(tf.concat(found, axis=1), whole, atol=1e-5)


def test_every_state_tensor_has_the_rows_first(variant):
    model, ids = build(variant), token_ids(batch=4)
    _, state = model.forward(ids[:, :5], model.initial_state(4))
    assert all(t.shape[0] == 4 for t in tf.nest.flatten(state))
    picked = tf.nest.map_structure(lambda t: tf.gather(t, [2, 0]), state)
    found, _ = model.forward(ids[[2, 0], 5:], picked)
    expected, _ = model.forward(ids[:, 5:], state)
    np.testing.assert_allclose(found, tf.gather(expected, [2, 0]), atol=1e-5)


def test_padding_leaves_no_trace_in_the_state(variant):
    model, ids, lengths = build(variant), token_ids(), tf.constant([5, 0, 12])
    _, padded = model.features(ids, model.initial_state(BATCH), lengths=lengths)
    for row, length in enumerate(lengths.numpy()):
        own = model.initial_state(1)
        if length:
            _, own = model.forward(ids[row : row + 1, :length], own)
        after = tf.nest.map_structure(lambda t: t[row : row + 1], padded)
        found, expected = (model.forward(ids[:1, :4], state)[0] for state in (after, own))
        np.testing.assert_allclose(found, expected, atol=1e-5)
    # A row that has ended stays where it is, even if its state is full.
    _, held = model.features(ids[:, :1], padded, lengths=tf.zeros_like(lengths))
    found, expected = (model.forward(ids[:, :1], state)[0] for state in (held, padded))
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("num_slots", [LENGTH, tf.constant(20)])
def test_a_state_with_fewer_slots_gives_the_same_logits(variant, num_slots):
    model, ids = build(variant), token_ids()
    state, found = model.initial_state(BATCH, num_slots), []
    for start, stop in ((0, 7), (7, 8), (8, LENGTH)):
        logits, state = model.forward(ids[:, start:stop], state)
        found.append(logits)
    np.testing.assert_allclose(tf.concat(found, axis=1), model(ids), atol=1e-5)
    # Full: a row that has ended may ride along.
    _, state = model.features(ids[:, :1], state, lengths=tf.zeros((BATCH,), tf.int32))


def test_a_logit_does_not_see_later_tokens(variant):
    model, ids = build(variant), token_ids()
    changed = ids.copy()
    changed[:, 7:] = (changed[:, 7:] + 1) % VOCAB
    before, after = model(ids).numpy(), model(changed).numpy()
    np.testing.assert_allclose(after[:, :7], before[:, :7], atol=1e-6)
    assert np.abs(after[:, 7:] - before[:, 7:]).max() > 1e-4


def test_keras_file_carries_weights_and_architecture(variant, tmp_path):
    model, ids = build(variant), token_ids()
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded) is type(model)
    assert loaded.get_config() == model.get_config()
    np.testing.assert_array_equal(loaded(ids), model(ids))


def test_checkpoint_into_a_fresh_copy_gives_the_same_model(variant, tmp_path):
    model, fresh, ids = build(variant, seed=1), build(variant, seed=2), token_ids()
    assert np.abs(model(ids) - fresh(ids)).max() > 1e-4
    checkpoints.save(tmp_path, 1, model_tensors(model), {})
    found = checkpoints.load_latest(tmp_path)
    assert len(found.tensors) == len(model.variables) >= len(model.trainable_variables)
    assign_tensors(model_tensors(fresh), found.tensors)
    np.testing.assert_array_equal(fresh(ids), model(ids))


def test_the_same_seed_gives_the_same_initial_weights(variant):
    first, second = build(variant, seed=5), build(variant, seed=5)
    for a, b in zip(first.trainable_variables, second.trainable_variables):
        np.testing.assert_array_equal(a, b, err_msg=a.path)


def test_it_compiles_under_xla_with_static_shapes(variant):
    model, ids = build(variant), token_ids()

    @tf.function(jit_compile=True, autograph=False)
    def compiled(ids):
        with tf.GradientTape() as tape:
            state = first_state(model, BATCH)
            logits, state = model.forward(ids, state, training=True)
            loss = tf.reduce_mean(
                tf.nn.sparse_softmax_cross_entropy_with_logits(labels=ids, logits=logits)
            )
        gradients = tape.gradient(loss, model.trainable_variables)
        return logits, state, [tf.reduce_sum(tf.abs(tf.convert_to_tensor(g))) for g in gradients]

    logits, state, sizes = compiled(ids)
    expected_logits, expected_state = model.forward(ids, first_state(model, BATCH))
    np.testing.assert_allclose(logits, expected_logits, atol=1e-4)
    for found, expected in zip(tf.nest.flatten(state), tf.nest.flatten(expected_state)):
        np.testing.assert_allclose(found, expected, atol=1e-4)
    assert all(float(size) > 0 for size in sizes)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_is_near_float32_and_gives_float32_logits(variant, policy):
    exact, mixed, ids = build(variant, seed=3), build(variant, seed=3, dtype=policy), token_ids()
    assert {v.dtype for v in mixed.trainable_variables} == {"float32"}
    found, expected = mixed(ids), exact(ids)
    assert found.dtype == tf.float32
    difference = np.abs(found - expected).max()
    assert 0 < difference < 0.1
    state = mixed.initial_state(BATCH)
    logits, after = mixed.forward(ids, state)
    tf.nest.map_structure(lambda a, b: tf.debugging.assert_equal(a.dtype, b.dtype), state, after)
    np.testing.assert_allclose(logits, found, atol=0.05)


def test_fit_of_plain_keras_learns_a_tiny_text(variant):
    keras.utils.set_random_seed(0)
    model = build(variant)
    ids = np.tile(np.arange(13, dtype=np.int32) % 7, (8, 1))
    model.compile(
        optimizer=keras.optimizers.Adam(0.05),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    history = model.fit(ids[:, :-1], ids[:, 1:], batch_size=8, epochs=40, verbose=0)
    assert history.history["loss"][-1] < 0.8 < 2.5 < history.history["loss"][0]


def test_parameters_and_flops_are_counted(variant):
    model = build(variant)
    counted = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    assert model.num_parameters == counted
    assert model.flops_per_token(LENGTH) > counted
