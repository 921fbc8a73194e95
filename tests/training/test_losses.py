"""The loss against numpy, and what makes it safe to divide over parts."""

import numpy as np
import tensorflow as tf

from lm_zoo.training.losses import token_nll_sum


def numpy_nll(logits, targets):
    logits = logits.astype(np.float64)
    shifted = logits - logits.max(-1, keepdims=True)
    log_probs = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return -np.take_along_axis(log_probs, targets[..., None], -1)[..., 0]


def example(rng=np.random.default_rng(0)):
    logits = rng.normal(size=(6, 5, 11)).astype(np.float32) * 3
    targets = rng.integers(0, 11, size=(6, 5))
    weights = (rng.random((6, 5)) < 0.6).astype(np.float32)
    return logits, targets, weights


def test_sum_and_count_agree_with_numpy():
    logits, targets, weights = example()
    nats, tokens = token_nll_sum(tf.constant(logits), targets, weights)
    assert float(tokens) == weights.sum()
    np.testing.assert_allclose(nats, (numpy_nll(logits, targets) * weights).sum(), rtol=1e-6)


def test_uneven_parts_add_up_to_the_whole():
    logits, targets, weights = example()
    whole = token_nll_sum(logits, targets, weights)
    parts = [token_nll_sum(logits[c], targets[c], weights[c]) for c in np.s_[:1, 1:3, 3:]]
    np.testing.assert_allclose(sum(p[0] for p in parts), whole[0], rtol=1e-6)
    assert sum(float(p[1]) for p in parts) == float(whole[1])


def test_half_precision_logits_are_summed_in_float32():
    logits, targets, weights = example()
    nats, _ = token_nll_sum(tf.cast(logits, tf.float16), targets, weights)
    assert nats.dtype == tf.float32
