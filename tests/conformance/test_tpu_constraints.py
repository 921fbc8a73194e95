"""What a TPU asks of every registered model's step, looked for in what XLA compiles.

No TPU was at hand. The HLO is what XLA compiles for any device. Looked for is what TPUs lack:
shapes that are known only while running, calls out of the compiled program (custom calls, transfers
from and to the host) and 64-bit floats. Strings have no type in HLO: XLA refuses them by itself.
"""

import re
import types

import numpy as np
import pytest
import tensorflow as tf

from lm_zoo.config import ExperimentConfig, ModelConfig, OptimizerConfig, TaskConfig
from lm_zoo.registry import build_model
from lm_zoo.training.train_step import TrainStep
from tests.conformance.models import ALL_VARIANTS, PAIR_VARIANTS
from tests.small import batches_like, text_step, translation

VOCAB, BATCH, LENGTH = 19, 4, 8
HOST_OPERATIONS = {"infeed", "outfeed", "send", "recv", "send-done", "recv-done"}


def operations_in(hlo):
    return set(re.findall(r"= [^=]*?[\]})] ([a-z][a-z0-9-]*)\(", hlo))


def compiled_step(variant):
    name, arguments = ALL_VARIANTS[variant]
    model = build_model(
        name,
        vocab_size=VOCAB,
        dtype="mixed_bfloat16",
        **arguments | {"dropout": 0.2},
    )
    config = ExperimentConfig(model=ModelConfig(name), optimizer=OptimizerConfig("sgd"))
    config.data.batch_size = BATCH
    layout = "windows" if model.context_length else "contiguous"
    config.task = TaskConfig("language_modeling", layout=layout, sequence_length=LENGTH)
    config.training.precision = "bfloat16"
    config.runtime.jit_compile = True
    rng = np.random.default_rng(0)
    ids, others = rng.integers(0, VOCAB, size=(2, BATCH, LENGTH)).astype(np.int32)
    if variant not in PAIR_VARIANTS:
        step = text_step(model, config)
        weights = np.ones((BATCH, LENGTH), np.float32)
        features = {"token_ids": ids, "targets": others, "weights": weights}
    else:
        tokenizer = types.SimpleNamespace(end_id=0, vocab_size=VOCAB)
        task = translation(tokenizer, config=config)
        step = TrainStep(task, model, batches_like(carries_state=False), task.config)
        lengths = np.array([8, 3, 5, 1], np.int32)
        features = {"source": ids, "target": others}
        features |= {"source_lengths": lengths, "target_lengths": lengths[::-1]}
    return step, (
        tf.constant(3, tf.int64),
        tf.constant(0),
        {name: tf.constant(value) for name, value in features.items()},
        step.carried,
        tf.constant(1.0),
    )


@pytest.mark.parametrize("variant", ALL_VARIANTS)
def test_the_loss_and_gradient_function_has_nothing_that_a_tpu_lacks(variant):
    step, arguments = compiled_step(variant)
    hlo = step._loss_and_gradients.experimental_get_compiler_ir(*arguments)(stage="hlo")
    assert f"[{BATCH},{LENGTH}" in hlo  # the shapes of this batch
    operations = operations_in(hlo)
    assert {"dot", "gather", "scatter"} <= operations
    assert re.search(r"= bf16\[[^=]* dot\(", hlo), "matrix products in bfloat16"
    assert not re.search(r"\[[^\]]*(<=|\?)", hlo), "a shape that is known only while running"
    assert not operations & HOST_OPERATIONS, "a transfer from or to the host"
    assert "custom-call" not in operations, re.findall(r'custom_call_target="([^"]*)"', hlo)
    assert not re.search(r"\bf64\[", hlo), "64-bit floats"
    assert "get-dimension-size" not in operations
    for line in hlo.splitlines():  # `tf.ensure_shape` sets sizes to what they are
        assert " set-dimension-size(" not in line or 'op_type="EnsureShape"' in line, line


def test_what_a_tpu_lacks_is_found():
    @tf.function(jit_compile=True, autograph=False)
    def bad(x):
        return tf.linalg.cholesky(tf.cast(x, tf.float64))  # a custom call on CPUs, in float64

    hlo = bad.experimental_get_compiler_ir(tf.eye(3))(stage="hlo")
    assert re.search(r"\bf64\[", hlo)
    assert "cholesky" in hlo or "custom-call" in hlo
