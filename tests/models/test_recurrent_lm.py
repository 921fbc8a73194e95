"""Initial weights, tying, dropout and sizes of the recurrent models."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from lm_zoo.errors import UserError
from lm_zoo.layers.dropout import dropout_scope
from lm_zoo.models.gru_lm import GRULM
from lm_zoo.models.lstm_lm import LSTMLM
from lm_zoo.models.rnn_lm import RNNLM
from lm_zoo.registry import build_model


def parameters(name, size, vocab_size):
    return build_model(name, size, vocab_size=vocab_size).num_parameters


def test_zaremba_small_has_the_published_size():
    """Embedding and softmax of 10,000 x 200, two layers of 4 x 200 x (400 + 1) weights."""
    expected = 2 * 10_000 * 200 + 10_000 + 2 * 4 * 200 * 401
    assert parameters("lstm_lm", "zaremba_small", 10_000) == expected


def test_sizes_name_the_published_widths():
    widths = {name: (a["hidden_dim"], a["num_layers"]) for name, a in LSTMLM.SIZES.items()}
    assert widths["zaremba_medium"] == (650, 2) and widths["zaremba_large"] == (1500, 2)
    assert RNNLM.SIZES["mikolov_300"]["hidden_dim"] == 300


@pytest.mark.parametrize("cls", [RNNLM, GRULM, LSTMLM])
def test_init_scale_bounds_every_weight(cls):
    arguments = {"forget_bias": 0.0} if cls is LSTMLM else {}
    model = cls(50, hidden_dim=40, init_scale=0.1, seed=1, **arguments)
    model.build((None, None))
    for weight in model.get_weights():
        assert 0.08 < np.abs(weight).max() <= 0.1
        assert abs(weight.std() - 0.1 / np.sqrt(3)) < 0.02


def test_a_tied_output_uses_the_embedding_through_a_projection_where_widths_differ():
    model = LSTMLM(11, hidden_dim=8, embedding_dim=5, num_layers=1, tie_embeddings=True, seed=0)
    ids = np.array([[1, 2, 3]])
    logits = model(ids).numpy()
    assert [w.shape for w in model.output_projection.weights] == [(11,)]
    embedding = model.token_embedding.embeddings.numpy()
    layer = model.recurrent_layers[0]
    hidden, _ = layer(embedding[ids], layer.initial_state(1))
    expected = hidden.numpy() @ model.projection.kernel.numpy() @ embedding.T
    np.testing.assert_allclose(logits, expected, atol=1e-5)
    same_width = LSTMLM(11, hidden_dim=8, num_layers=1, tie_embeddings=True)
    assert same_width.projection is None


def test_dropout_is_on_embeddings_and_layer_outputs_and_not_on_recurrent_connections():
    """With its three masks worked out by hand, the model is Keras' LSTMs between dropouts."""
    model = LSTMLM(11, hidden_dim=8, num_layers=2, dropout=0.5, seed=0)
    ids = np.random.default_rng(0).integers(0, 11, (3, 6))
    with dropout_scope(7, 1):
        received = model(ids, training=True)
    shape = (3, 6, 8)
    with dropout_scope(7, 1):
        masks = [
            dropout(tf.ones(shape), training=True)
            for dropout in (model.embedding_dropout, *model.layer_dropouts)
        ]
    x = model.token_embedding.embeddings.numpy()[ids] * masks[0]
    for layer, mask in zip(model.recurrent_layers, masks[1:], strict=True):
        reference = keras.layers.LSTM(8, return_sequences=True)
        reference.build(shape)
        reference.set_weights(layer.get_weights())
        x = reference(x) * mask
    expected = x.numpy() @ model.output_projection.kernel.numpy().T
    np.testing.assert_allclose(received, expected, atol=1e-5)


@pytest.mark.parametrize(
    "cls, arguments, message",
    [
        (LSTMLM, dict(vocab_size=0), "vocab_size.*at least 1.*0"),
        (LSTMLM, dict(hidden_dim=-3), "hidden_dim.*at least 1.*-3"),
        (GRULM, dict(num_layers=0), "num_layers.*at least 1"),
        (GRULM, dict(embedding_dim=-1), "embedding_dim.*at least 0"),
        (GRULM, dict(dropout=1.5), "dropout.*below 1.*1.5"),
        (RNNLM, dict(init_scale=-0.1), "init_scale"),
        (RNNLM, dict(activation="gelu"), "activation.*'gelu'"),
        (RNNLM, dict(hidden_dim="wide"), "hidden_dim.*whole number.*'wide'"),
        (RNNLM, dict(tie_embeddings=1), "tie_embeddings.*true or false.*1"),
        (RNNLM, dict(hiden_dim=3), "hiden_dim.*Did you mean 'hidden_dim'"),
        (RNNLM, dict(dtype="float23"), "dtype.*'float23'"),
    ],
)
def test_values_out_of_range_are_refused_by_name(cls, arguments, message):
    with pytest.raises(UserError, match=message) as raised:
        cls(**{"vocab_size": 11, **arguments})
    assert "\n" not in str(raised.value)
