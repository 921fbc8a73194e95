"""The layers inside of ordinary Keras models: built, trained, saved, loaded, masked."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from lm_zoo import layers

RNG = np.random.default_rng(0)
IDS = RNG.integers(1, 9, (4, 6))

STACKS = {
    "recurrent": lambda: [layers.Elman(6), layers.GRU(5), layers.Dropout(0.1), layers.LSTM(8)],
    "attention": lambda: [
        layers.CausalSelfAttention(8, 4, 2, dropout=0.1),
        layers.RMSNormalization(),
        layers.FeedForward(8, 16, "swiglu"),
        layers.TransformerBlock(8, 2, 1, 16, "rms_norm", dropout=0.1),
    ],
}


@pytest.mark.parametrize("name", STACKS)
def test_a_sequential_model_learns_is_saved_and_loaded(name, tmp_path):
    embedding, head = layers.Embedding(9, 8), layers.OutputProjection(9, 8)
    model = keras.Sequential([embedding, *STACKS[name](), layers.Dense(8, activation="tanh"), head])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.05), loss)
    losses = model.fit(IDS[:, :-1], IDS[:, 1:], epochs=8, verbose=0).history["loss"]
    assert losses[-1] < 0.9 * losses[0]
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(IDS, verbose=0), model.predict(IDS, verbose=0))
    assert [x.get_config() for x in loaded.layers] == [x.get_config() for x in model.layers]


def test_a_functional_model_reads_a_memory(tmp_path):
    x, memory = keras.Input((None, 8)), keras.Input((None, 8))
    y = layers.TransformerBlock(8, 2, 2, 16, cross_attention=True)(x, memory=memory)
    y = layers.CrossAttention(8, 2)(y, memory)
    model = keras.Model([x, memory], y)
    model.compile("sgd", "mse")
    inputs = [RNG.normal(size=(4, n, 8)).astype("float32") for n in (5, 3)]
    model.fit(inputs, inputs[0], verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(inputs), model(inputs))
    assert model(inputs).shape == (4, 5, 8)


def test_what_a_keras_mask_hides_changes_nothing():
    """Padding on the left, which only a layer that knows of it passes over."""
    ids = np.pad(IDS, ((0, 0), (3, 0)))
    for stack in STACKS.values():
        embedding, parts = keras.layers.Embedding(9, 8, mask_zero=True), stack()
        model = keras.Sequential([embedding, *parts])
        np.testing.assert_allclose(model(ids)[:, 3:], model(IDS), atol=1e-5)
        assert model(ids)._keras_mask.numpy().tolist() == (ids != 0).tolist()


@pytest.mark.parametrize("name", ["Elman", "GRU", "LSTM"])
def test_masked_steps_keep_the_state_as_in_keras(name):
    """The layers of Keras have the same weights under the same names."""
    reference = {"Elman": "SimpleRNN"}.get(name, name)
    x = tf.constant(RNG.normal(size=(3, 7, 4)), tf.float32)
    mask = tf.constant(RNG.random((3, 7)) > 0.4)
    ours, theirs = getattr(layers, name)(5), getattr(keras.layers, reference)(5)
    theirs(x)
    ours(x)
    theirs.set_weights(ours.get_weights())
    _, state = ours(x, ours.initial_state(3), mask=mask)
    hidden = state[0] if name == "LSTM" else state
    np.testing.assert_allclose(hidden, theirs(x, mask=mask), atol=1e-5)
