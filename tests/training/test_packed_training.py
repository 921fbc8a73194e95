"""Training on packed rows is training on each document alone, however the batch is divided."""

import numpy as np
import pytest
import tensorflow as tf

from lm_zoo.config import (
    DataConfig,
    ExperimentConfig,
    ModelConfig,
    OptimizerConfig,
    TaskConfig,
)
from lm_zoo.data.batching.packed_batches import PackedBatches
from lm_zoo.model_tensors import model_tensors
from lm_zoo.registry import build_model
from tests.conformance.models import TINY
from tests.small import random_documents, random_lengths, rows_of, text_batch, text_step

VOCAB, ROWS, LENGTH = 11, 4, 12
MODELS = {  # one layer is traced faster
    name: TINY[name] | {"num_layers": 1} for name in ("lstm_lm", "transformer_decoder")
}


SPLIT = random_documents(random_lengths(40, LENGTH + 3), VOCAB)


def make_step(model, rows=ROWS, micro_batches=1, layout="packed", dropout=0.0, jit_compile=False):
    config = ExperimentConfig(
        seed=3,
        task=TaskConfig("language_modeling", sequence_length=LENGTH, layout=layout),
        data=DataConfig(batch_size=rows),
        model=ModelConfig(model),
        optimizer=OptimizerConfig(name="sgd", learning_rate=0.5, clip_norm=0.3),
    )
    config.runtime.micro_batches = micro_batches
    config.runtime.jit_compile = jit_compile
    built = build_model(model, vocab_size=VOCAB, seed=1, dropout=dropout, **MODELS[model])
    return text_step(built, config)


def train(step, batches):
    for number, batch in enumerate(batches):
        step(number, 0.5, batch)
    return {k: v.numpy() for k, v in model_tensors(step.model).items() if "seed" not in k}


def packed_batches(count, **settings):
    batches = PackedBatches(SPLIT, ROWS, LENGTH, **settings)
    return [batches.batch(step) for step in range(count)]


def one_document_a_row(batch):
    """The same documents as a batch of plain rows, each with its own padding."""
    arrays = [[], [], []]
    for row in range(len(batch.features["token_ids"])):
        inside = int(batch.features["weights"][row].sum())
        begins = np.flatnonzero(batch.features["document_starts"][row]).tolist()
        for begin, end in zip(begins, [*begins[1:], inside]):
            for rows, array in zip(arrays, rows_of(batch)):
                padding = np.zeros(LENGTH - (end - begin), array.dtype)
                rows.append(np.concatenate([array[row, begin:end], padding]))
    return text_batch(*map(np.stack, arrays))


def assert_close(found, expected, tolerance):
    for name in expected:
        np.testing.assert_allclose(
            found[name], expected[name], atol=tolerance, rtol=0, err_msg=name
        )


@pytest.mark.parametrize("model", MODELS)
def test_an_update_is_that_of_every_document_in_a_row_of_its_own(model):
    batch = packed_batches(1)[0]
    apart = one_document_a_row(batch)
    rows = len(apart.features["token_ids"])
    assert rows > ROWS and apart.features["weights"].sum() == batch.features["weights"].sum()
    packed = train(make_step(model), [batch])
    assert_close(packed, train(make_step(model, rows, layout="windows"), [apart]), 1e-6)
    across = train(make_step(model), [text_batch(*rows_of(batch))])
    assert max(np.abs(across[name] - packed[name]).max() for name in packed) > 1e-5


@pytest.mark.parametrize("model", MODELS)
def test_accumulation_and_xla_change_nothing(model):
    batches = packed_batches(2)
    whole = train(make_step(model, dropout=0.3), batches)
    parts = train(make_step(model, dropout=0.3, micro_batches=2), batches)
    assert_close(parts, whole, 2e-5)
    compiled = train(make_step(model, dropout=0.3, jit_compile=True), batches)
    assert_close(compiled, whole, 2e-5)


def test_packed_rows_of_a_recurrent_model_carry_no_state():
    step = make_step("lstm_lm")
    assert not step.carries_state and not tf.nest.flatten(step.carried)
    apart = packed_batches(4)
    train(step, apart)
    assert step.take_sums()["tokens"] == sum(batch.features["weights"].sum() for batch in apart)
