"""Every registered model reads several documents in one row as if each stood alone.

Models that read a source are given none here.
"""

import numpy as np
import pytest
import tensorflow as tf

from lm_zoo.registry import build_model
from tests.conformance.models import ALL_VARIANTS

VOCAB = 19
LENGTHS = ((5, 1, 7, 3), (16,), (2, 13, 1))  # documents of each row
WIDTH = 16


@pytest.fixture(params=ALL_VARIANTS)
def variant(request):
    return ALL_VARIANTS[request.param]


def build(variant, **more):
    name, arguments = variant
    return build_model(name, vocab_size=VOCAB, **(arguments | {"seed": 4} | more))


def token_ids(seed=0):
    return np.random.default_rng(seed).integers(0, VOCAB, (len(LENGTHS), WIDTH)).astype(np.int32)


def document_starts():
    starts = np.zeros((len(LENGTHS), WIDTH), bool)
    for row, lengths in zip(starts, LENGTHS):
        row[np.cumsum((0, *lengths[:-1]))] = True
    return starts


def documents():
    """Yields `(row, slice)` of each document."""
    for row, lengths in enumerate(LENGTHS):
        begin = 0
        for length in lengths:
            yield row, slice(begin, begin + length)
            begin += length


def in_pieces(model, ids, starts, lengths):
    state, found, begin = model.initial_state(len(ids)), [], 0
    for length in lengths:
        part = slice(begin, begin + length)
        logits, state = model.forward(ids[:, part], state, document_starts=starts[:, part])
        found.append(logits)
        begin += length
    return tf.concat(found, 1).numpy(), state


def gradients(tape, loss, model):
    """Dense gradients of all weights; zeros of an encoder that has read nothing."""
    weights = [variable.value for variable in model.trainable_variables]
    found = tape.gradient(loss, weights, unconnected_gradients="zero")
    return [tf.convert_to_tensor(gradient) for gradient in found]


def test_packed_logits_are_those_of_each_document_alone(variant):
    model, ids, starts = build(variant), token_ids(), document_starts()
    packed = model(ids, document_starts=starts).numpy()
    forward, _ = model.forward(ids, model.initial_state(len(ids)), document_starts=starts)
    for row, part in documents():
        alone = model(ids[row : row + 1, part])[0]
        np.testing.assert_allclose(packed[row, part], alone, atol=1e-5)
        np.testing.assert_allclose(forward[row, part], alone, atol=1e-5)
    assert np.abs(packed - model(ids)).max() > 1e-3


def test_packed_rows_can_be_read_in_pieces_and_on_without_marks(variant):
    model, ids, starts = build(variant), token_ids(), document_starts()
    whole = model(ids, document_starts=starts)
    for pieces in ([1] * WIDTH, [3, 1, 8, 4]):
        found, state = in_pieces(model, ids, starts, pieces)
        np.testing.assert_allclose(found, whole, atol=1e-5)
    following = token_ids(1)[:, :6]
    logits, _ = model.forward(following, state)  # goes on with each row's last document
    for row, lengths in enumerate(LENGTHS):
        last = ids[row, WIDTH - lengths[-1] :]
        alone = model(np.concatenate([last, following[row]])[None])[0, len(last) :]
        np.testing.assert_allclose(logits[row], alone, atol=1e-5)


def test_rows_may_be_longer_than_the_context_if_no_document_is(variant):
    model = build(variant)
    ids = np.random.default_rng(2).integers(0, VOCAB, (2, 120)).astype(np.int32)
    starts = np.zeros(ids.shape, bool)
    starts[0, ::30], starts[1, ::20] = True, True
    found, _ = in_pieces(model, ids, starts, [24] * 5)
    for row, length in ((0, 30), (1, 20)):
        alone = model(ids[row].reshape(-1, length)).numpy().reshape(120, VOCAB)
        np.testing.assert_allclose(found[row], alone, atol=1e-5)


def test_gradients_are_the_sum_over_the_documents_alone(variant):
    model, ids, starts = build(variant), token_ids(), document_starts()
    targets, weights = token_ids(7), np.random.default_rng(3).uniform(size=(3, WIDTH))

    def loss(logits, rows, part):
        nll = tf.nn.sparse_softmax_cross_entropy_with_logits(targets[rows, part], logits)
        return tf.reduce_sum(nll * weights[rows, part])

    with tf.GradientTape() as tape:
        packed = loss(model(ids, document_starts=starts), slice(None), slice(None))
    found = gradients(tape, packed, model)
    with tf.GradientTape() as tape:
        alone = sum(loss(model(ids[r : r + 1, p])[0], r, p) for r, p in documents())
    expected = gradients(tape, alone, model)
    np.testing.assert_allclose(packed, alone, rtol=1e-5)
    for a, b, variable in zip(found, expected, model.trainable_variables):
        np.testing.assert_allclose(a, b, atol=2e-5, rtol=1e-4, err_msg=variable.path)


def test_no_bit_crosses_from_one_document_into_another(variant):
    model, ids, starts = build(variant), token_ids(), document_starts()
    before = model(ids, document_starts=starts).numpy()
    before_pieces, _ = in_pieces(model, ids, starts, [8, 8])
    everything = list(documents())
    for row, part in everything[2], everything[4], everything[6]:
        changed = ids.copy()
        changed[row, part] = (changed[row, part] + 1) % VOCAB
        after = model(changed, document_starts=starts).numpy()
        after_pieces, _ = in_pieces(model, changed, starts, [8, 8])
        for other_row, other in everything:
            if (other_row, other) == (row, part):
                assert np.abs(after[row, part] - before[row, part]).max() > 1e-4
                continue
            np.testing.assert_array_equal(after[other_row, other], before[other_row, other])
            np.testing.assert_array_equal(
                after_pieces[other_row, other], before_pieces[other_row, other]
            )


def test_a_carried_state_is_forgotten_where_a_document_starts_and_not_before(variant):
    model, ids = build(variant), token_ids()
    _, state = model.forward(token_ids(5)[:, :6], model.initial_state(3))
    starts = np.zeros((3, WIDTH), bool)
    starts[0, 4] = True  # rows 1 and 2 go on
    logits, _ = model.forward(ids, state, document_starts=starts)
    going_on, _ = model.forward(ids, state)
    np.testing.assert_allclose(logits[1:], going_on[1:], atol=1e-5)
    np.testing.assert_allclose(logits[0, :4], going_on[0, :4], atol=1e-5)
    np.testing.assert_allclose(logits[0, 4:], model(ids[:1, 4:])[0], atol=1e-5)


def test_it_works_in_graphs_of_unknown_shape_with_gradients(variant):
    model, ids, starts = build(variant), token_ids(), document_starts()

    def run(ids, starts, state):
        with tf.GradientTape() as tape:
            logits, state = model.forward(ids, state, True, starts)
            loss = tf.reduce_mean(tf.square(logits))
        return logits, state, gradients(tape, loss, model)

    state = model.initial_state(3)
    states = tf.nest.map_structure(lambda t: tf.TensorSpec((None, *t.shape[1:]), t.dtype), state)
    shape = (None, None)
    signature = (tf.TensorSpec(shape, tf.int32), tf.TensorSpec(shape, tf.bool), states)
    found = tf.function(run, input_signature=signature, autograph=False)(ids, starts, state)
    expected = run(ids, starts, state)
    for a, b in zip(tf.nest.flatten(found), tf.nest.flatten(expected), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("policy", ["mixed_bfloat16"])
def test_mixed_precision_keeps_documents_apart(variant, policy):
    model, ids, starts = build(variant, dtype=policy), token_ids(), document_starts()
    packed = model(ids, document_starts=starts).numpy()
    assert packed.dtype == np.float32
    for row, part in documents():
        np.testing.assert_allclose(packed[row, part], model(ids[row : row + 1, part])[0], atol=0.05)
