"""bfloat16 and float16 round each number, and lose nothing of a sum over tokens.

A gradient is a sum over tokens. Summed in its own low precision it stops growing: of a bias'
gradient over 4,096 tokens little is left. So every variable's gradient is held against float32's,
and against the float64 sum of those of the batch's parts.
"""

import functools

import numpy as np
import pytest
import tensorflow as tf

from lm_zoo.layers.token_losses import row_losses
from lm_zoo.registry import build_model
from tests.conformance.models import ALL_VARIANTS, PAIR_VARIANTS, carries_state

VOCAB, ROWS, LENGTH, SOURCE_LENGTH, PARTS = 19, 256, 16, 12, 8
SCALE = 2.0**12  # as a loss scale: small float16 gradients do not vanish
LOW = {"mixed_bfloat16": tf.bfloat16, "mixed_float16": tf.float16}
# Largest error of a variable's gradient, as a share of its norm: against float32, which rounds
# nothing on the way; and against the parts' sum, which is rounded in the same way.
AGAINST_FLOAT32 = {"mixed_bfloat16": 2e-2, "mixed_float16": 4e-3}
AGAINST_PARTS = {"mixed_bfloat16": 4e-3, "mixed_float16": 5e-4}


@functools.cache
def texts():
    """Tokens of which some are frequent, so that gradients add up; sources and their lengths."""
    rng = np.random.default_rng(0)

    def draw(length):
        return np.minimum(rng.geometric(0.3, (ROWS, length)) - 1, VOCAB - 1).astype(np.int32)

    return draw(LENGTH + 1), draw(SOURCE_LENGTH), rng.integers(3, SOURCE_LENGTH + 1, ROWS)


@functools.cache
def make(variant, policy):
    name, arguments = ALL_VARIANTS[variant]
    arguments = arguments | {"num_layers": 1}  # traced faster
    if carries_state(variant):
        arguments["init_scale"] = 0.5  # attention that is all but even has no gradient to speak of
    return build_model(name, vocab_size=VOCAB, seed=1, dtype=policy, **arguments)


def gradients(variant, policy, rows=slice(None), rounded_to=None, compiled=False):
    """Returns `{path: gradient}`, float64; of parameters rounded to a dtype, if one is given."""
    model = make(variant, policy)
    variables = model.trainable_variables
    kept = [v.numpy() for v in variables]
    for variable in variables if rounded_to else ():
        variable.assign(tf.cast(tf.cast(variable.value, rounded_to), tf.float32))
    ids, sources, lengths = (part[rows] for part in texts())
    arguments = {}
    if variant in PAIR_VARIANTS:
        arguments = {"source_ids": sources, "source_lengths": tf.constant(lengths, tf.int32)}

    def differentiate():
        with tf.GradientTape() as tape:
            logits = model(ids[:, :-1], training=True, **arguments)
            loss = tf.reduce_sum(row_losses(logits, ids[:, 1:], np.ones_like(ids[:, 1:]))[0])
            scaled = loss * (SCALE / (ROWS * LENGTH))
        return tape.gradient(scaled, variables)

    found = (
        tf.function(differentiate, jit_compile=True, autograph=False)()
        if compiled
        else differentiate()
    )
    for variable, value in zip(variables, kept):
        variable.assign(value)
    paths = [v.path.split("/", 1)[-1] for v in variables]
    return {path: np.asarray(g, np.float64) for path, g in zip(paths, found)}


def errors(found, expected):
    """The error of each variable's gradient as a share of its norm, largest first."""
    norms = {path: np.linalg.norm(value) for path, value in expected.items()}
    # What is 0 but for rounding, such as the gradient of an attention key's bias, has no share.
    least = 1e-4 * max(norms.values())
    shares = {p: np.linalg.norm(found[p] - expected[p]) / max(norms[p], least) for p in expected}
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def assert_within(bound, shares):
    assert max(shares.values()) < bound, shares


@pytest.mark.parametrize("policy", LOW)
@pytest.mark.parametrize("variant", ALL_VARIANTS)
def test_gradients_keep_their_sums_over_tokens(variant, policy):
    expected = gradients(variant, "float32", rounded_to=LOW[policy])
    found = gradients(variant, policy, rounded_to=LOW[policy])
    assert found.keys() == expected.keys()
    assert_within(AGAINST_FLOAT32[policy], errors(found, expected))
    rows = np.split(np.arange(ROWS), PARTS)
    parts = [gradients(variant, policy, part, LOW[policy]) for part in rows]
    summed = {path: sum(part[path] for part in parts) for path in found}
    assert_within(AGAINST_PARTS[policy], errors(found, summed))


def test_xla_has_the_same_gradients():
    """XLA leaves some roundings out; what it sums must be the same."""
    policy = "mixed_bfloat16"
    found = gradients("transformer_decoder", policy)
    compiled = gradients("transformer_decoder", policy, compiled=True)
    assert_within(AGAINST_FLOAT32[policy], errors(compiled, found))
