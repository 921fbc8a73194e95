"""What every language model promises: the state API, Keras' own ways of use, and honest counts."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from lm_zoo.layers.dropout import dropout_scope
from lm_zoo.registry import MODELS
from tests.conformance.models import TINY_PAIR_MODELS
from tests.models.model_cases import CASES, VOCAB_SIZE, make

EVERY_CASE = pytest.mark.parametrize("case", CASES)


def draw_ids(rows=3, length=11, seed=0):
    return np.random.default_rng(seed).integers(0, VOCAB_SIZE, (rows, length)).astype(np.int32)


def in_chunks(model, token_ids, cuts):
    state, logits = model.initial_state(len(token_ids)), []
    for begin, end in zip((0, *cuts), (*cuts, token_ids.shape[1]), strict=True):
        piece, state = model.forward(token_ids[:, begin:end], state)
        logits.append(piece.numpy())
    return np.concatenate(logits, 1)


def test_the_cases_cover_every_registered_model():
    assert {name for name, _ in CASES.values()} == set(MODELS) - set(TINY_PAIR_MODELS)


@EVERY_CASE
def test_one_call_token_by_token_and_odd_chunks_give_the_same_logits(case):
    model, token_ids = make(case), draw_ids()
    expected = model(token_ids).numpy()
    assert expected.dtype == np.float32 and expected.shape == (3, 11, VOCAB_SIZE)
    assert expected.std() > 1e-3
    for cuts in (range(1, 11), (3, 4, 9), ()):
        np.testing.assert_allclose(in_chunks(model, token_ids, cuts), expected, atol=1e-5)


@EVERY_CASE
def test_a_logit_depends_on_all_earlier_tokens_and_on_no_later_one(case):
    model, token_ids = make(case), draw_ids(rows=1)
    changed = token_ids.copy()
    changed[0, 5] = (changed[0, 5] + 1) % VOCAB_SIZE
    difference = np.abs(model(changed).numpy() - model(token_ids).numpy()).max(-1)[0]
    assert difference[:5].max() < 1e-6
    assert difference[5:].min() > 1e-7


@EVERY_CASE
def test_rows_of_different_progress_can_be_put_into_one_batch(case):
    model, token_ids = make(case), draw_ids(rows=2, length=12)
    states = []
    for row, begin in ((0, 3), (1, 7)):
        ids = token_ids[row : row + 1, :begin]
        states.append(model.forward(ids, model.initial_state(1))[1])
    state = tf.nest.map_structure(lambda *rows: tf.concat(rows, 0), *states)
    following = np.stack([token_ids[0, 3:8], token_ids[1, 7:12]])
    logits, _ = model.forward(following, state)
    expected = model(token_ids).numpy()
    np.testing.assert_allclose(logits[0], expected[0, 3:8], atol=1e-5)
    np.testing.assert_allclose(logits[1], expected[1, 7:12], atol=1e-5)


@pytest.mark.parametrize(
    "case, jit_compile",
    [(case, False) for case in CASES] + [("lstm", True), ("modern", True)],
)
def test_the_state_goes_through_a_loop_in_a_graph(case, jit_compile):
    model, prompt = make(case), draw_ids(rows=2, length=4)

    def generate(prompt):
        logits, state = model.forward(prompt, model.initial_state(tf.shape(prompt)[0]))
        tokens = tf.argmax(logits[:, -1], -1, tf.int32)
        collected = tf.TensorArray(tf.int32, 6, element_shape=tokens.shape)

        def body(i, tokens, state, collected):
            logits, state = model.forward(tokens[:, None], state)
            following = tf.argmax(logits[:, -1], -1, tf.int32)
            return i + 1, following, state, collected.write(i, tokens)

        loop = (tf.constant(0), tokens, state, collected)
        return tf.transpose(tf.while_loop(lambda i, *_: i < 6, body, loop)[-1].stack())

    if jit_compile:
        compiled = tf.function(generate, jit_compile=True, autograph=False)
    else:
        spec = [tf.TensorSpec((None, None), tf.int32)]
        compiled = tf.function(generate, input_signature=spec, autograph=False)
    tokens = prompt
    for _ in range(6):  # by calling the whole text again for each token
        following = np.argmax(model(tokens)[:, -1], -1)
        tokens = np.concatenate([tokens, following[:, None]], 1)
    np.testing.assert_array_equal(compiled(prompt), tokens[:, 4:])


@EVERY_CASE
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_states_keep_shapes_and_dtypes_and_have_the_batch_first(case, dtype):
    model = make(case, dtype=dtype)
    state = model.initial_state(3)
    _, after = model.forward(draw_ids(length=2), state)
    tf.nest.assert_same_structure(state, after)
    for a, b in zip(tf.nest.flatten(state), tf.nest.flatten(after), strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype and a.shape[0] == 3


@EVERY_CASE
@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16"])
def test_forward_computes_in_the_same_precision_as_call(case, dtype):
    model, exact, token_ids = make(case, dtype=dtype), make(case), draw_ids()
    expected = model(token_ids)
    assert expected.dtype == tf.float32
    unit = {"mixed_bfloat16": 2.0**-7, "mixed_float16": 2.0**-10}[dtype]
    scale = np.abs(expected).max()
    error = np.abs(expected - exact(token_ids)).max()
    assert 0 < error < 16 * unit * scale
    for cuts in ((1, 2, 5), ()):
        np.testing.assert_allclose(
            in_chunks(model, token_ids, cuts), expected, atol=4 * unit * scale
        )


@EVERY_CASE
def test_unknown_batch_and_length_are_fine_in_a_graph(case):
    model = make(case)
    run = tf.function(
        model, input_signature=[tf.TensorSpec((None, None), tf.int32)], autograph=False
    )
    for rows, length in ((1, 1), (4, 7)):
        ids = draw_ids(rows, length)
        np.testing.assert_allclose(run(ids), model(ids), atol=1e-5)


@EVERY_CASE
def test_gradients_are_dense_and_reach_every_weight(case):
    model, token_ids = make(case), draw_ids()
    expected = loss_gradients(model, token_ids)
    for gradient, variable in zip(expected, model.trainable_variables, strict=True):
        assert isinstance(gradient, tf.Tensor), variable.path
        assert np.abs(gradient).max() > 0, variable.path


@pytest.mark.parametrize("case", ["gru", "lstm_tied", "gpt2", "modern"])
def test_xla_gives_the_gradients_of_eager_mode(case):
    model, token_ids = make(case, num_layers=1), draw_ids()
    compiled = tf.function(
        lambda ids: loss_gradients(model, ids), jit_compile=True, autograph=False
    )
    expected = loss_gradients(model, token_ids)
    for received, gradient in zip(compiled(token_ids), expected, strict=True):
        np.testing.assert_allclose(received, gradient, atol=1e-5)


def loss_gradients(model, token_ids):
    with tf.GradientTape() as tape:
        logits = model(token_ids[:, :-1], training=True)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(token_ids[:, 1:], logits)
        loss = tf.reduce_mean(losses)
    return tape.gradient(loss, model.trainable_variables)


@pytest.mark.parametrize("case", ["lstm", "gpt2"])
def test_parts_of_a_batch_get_the_dropout_of_the_whole(case):
    model, token_ids = make(case, dropout=0.5), draw_ids(rows=4)

    def run(ids, first_row, step=3):
        with dropout_scope(1, step, first_row):
            return model.forward(ids, model.initial_state(len(ids)), training=True)[0].numpy()

    whole = run(token_ids, 0)
    np.testing.assert_allclose(run(token_ids[2:], 2), whole[2:], atol=1e-5)
    assert np.abs(run(token_ids[2:], 0) - whole[2:]).max() > 1e-3
    assert np.abs(run(token_ids, 0, step=4) - whole).max() > 1e-3
    with dropout_scope(1, 3, 0):
        np.testing.assert_allclose(model(token_ids), in_chunks(model, token_ids, ()), atol=1e-5)


@EVERY_CASE
def test_the_config_makes_an_equal_model(case):
    model = make(case, dropout=0.25, dtype="mixed_bfloat16")
    again = type(model).from_config(model.get_config())
    assert again.get_config() == model.get_config()
    assert again.dtype_policy.name == "mixed_bfloat16"
    given = {**CASES[case][1], "vocab_size": VOCAB_SIZE, "dropout": 0.25}
    assert given.items() <= model.get_config().items()


@EVERY_CASE
def test_saving_and_loading_gives_an_equal_model(case, tmp_path):
    model, token_ids = make(case, dropout=0.1, seed=None), draw_ids()
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert type(again) is type(model)
    np.testing.assert_array_equal(again(token_ids), model(token_ids))
    fresh = make(case, dropout=0.1, seed=None)
    assert np.abs(fresh(token_ids) - model(token_ids)).max() > 1e-4
    model.save_weights(tmp_path / "model.weights.h5")
    fresh.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(fresh(token_ids), model(token_ids))


@EVERY_CASE
def test_variable_paths_are_unique_and_the_same_in_every_instance(case):
    first, second = make(case, dropout=0.1), make(case, dropout=0.1)
    paths = [v.path for v in first.variables]
    assert len(set(paths)) == len(paths)
    assert [v.path for v in second.variables] == paths
    unnamed = type(first).from_config({**first.get_config(), "name": "other"})
    unnamed.build((None, None))
    assert [v.path.split("/", 1)[1] for v in unnamed.variables] == [
        path.split("/", 1)[1] for path in paths
    ]


@EVERY_CASE
def test_a_checkpoint_of_the_model_holds_every_variable(case, tmp_path):
    model, fresh, token_ids = make(case, seed=1), make(case, seed=2), draw_ids()
    path = tf.train.Checkpoint(model=model).save(str(tmp_path / "checkpoint"))
    tf.train.Checkpoint(model=fresh).restore(path)
    np.testing.assert_array_equal(fresh(token_ids), model(token_ids))


# Without XLA the conformance tests have every model learn by `fit`.
PLAIN = [pytest.param(n, False, marks=pytest.mark.slow) for n in ("rnn", "gru", "lstm", "gpt2")]


@pytest.mark.parametrize("case, jit_compile", [*PLAIN, ("modern", True)])
def test_compile_and_fit_learn_a_repeating_text(case, jit_compile):
    model = make(case, num_layers=1, dropout=0.05)
    token_ids = np.tile(np.arange(12, dtype=np.int32), (8, 2))[:, :17]
    model.compile(
        optimizer=keras.optimizers.Adam(0.03, clipnorm=1.0),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=jit_compile,
    )
    history = model.fit(token_ids[:, :-1], token_ids[:, 1:], batch_size=4, epochs=15, verbose=0)
    first, last = history.history["loss"][0], history.history["loss"][-1]
    assert first == pytest.approx(math.log(VOCAB_SIZE), abs=0.3)
    assert last < 0.75 * first


@EVERY_CASE
def test_parameters_and_flops_are_what_the_description_adds_up(case):
    model = make(case)
    parts = model.describe(sequence_length=10)
    assert sum(part.num_parameters for part in parts) == model.num_parameters
    assert model.num_parameters == sum(math.prod(v.shape) for v in model.trainable_variables)
    assert sum(part.flops_per_token for part in parts) == model.flops_per_token(10)
    table = model.summary_table(10)
    assert f"{model.num_parameters:,}" in table and f"{model.flops_per_token(10):,}" in table


@EVERY_CASE
def test_flops_per_token_are_those_of_tensorflows_profiler(case):
    """The profiler counts graph operations; products of a loop's body are counted once a trace."""
    model, length = make(case), 1 if "lm" in CASES[case][0] else 10
    graph = (
        tf.function(model, autograph=False)
        .get_concrete_function(tf.TensorSpec((1, length), tf.int32))
        .graph
    )
    products = 0
    for operation in graph.get_operations():
        if operation.type in ("MatMul", "BatchMatMulV2"):
            left, output = operation.inputs[0].shape, operation.outputs[0].shape
            transposed = operation.type == "MatMul" and operation.get_attr("transpose_a")
            inner = left[-2] if transposed else left[-1]
            products += 2 * output.num_elements() * inner
    assert products == length * model.flops_per_token(length)
