"""Choosing tokens: each rule against numpy, and frequencies against probabilities."""

import numpy as np
import pytest
import tensorflow as tf

from lm_zoo.generation import samplers
from lm_zoo.generation.options import GenerationOptions
from lm_zoo.generation.random_keys import row_keys
from tests.generation.toy import log_softmax

RNG = np.random.default_rng(1)
LOGITS = RNG.normal(size=(5, 12)).astype(np.float32) * 2


def settings(batch_size, **arguments):
    options = GenerationOptions(**arguments)
    prompts = np.ones((batch_size, 1), np.int32), np.ones(batch_size, np.int32)
    keys = row_keys(*prompts, options.seed, np.arange(batch_size, dtype=np.int32))
    return samplers.SamplingSettings.from_options(options, keys)


def chi_square(counts, probabilities):
    expected = counts.sum() * probabilities
    return float(np.sum((counts - expected) ** 2 / expected))


def filtered(logits, top_k=0, top_p=1.0):
    rows = len(logits)
    return samplers.filter_logits(
        tf.constant(logits, tf.float32), tf.fill((rows,), top_k), tf.fill((rows,), top_p)
    ).numpy()


@pytest.mark.parametrize("k", [1, 3, 11, 12, 50])
def test_top_k_keeps_the_k_likeliest_unchanged(k):
    out = filtered(LOGITS, top_k=k)
    for row, kept in zip(LOGITS, out):
        best = set(np.argsort(-row)[:k])
        assert set(np.flatnonzero(np.isfinite(kept))) == best
        np.testing.assert_array_equal(kept[list(best)], row[list(best)])


@pytest.mark.parametrize("p", [0.01, 0.3, 0.7, 0.95])
def test_top_p_keeps_the_smallest_set_that_reaches_p(p):
    for row, kept in zip(LOGITS, filtered(LOGITS, top_p=p)):
        probabilities = np.exp(log_softmax(row))
        order = np.argsort(-probabilities)
        count = int(np.searchsorted(np.cumsum(probabilities[order]), p)) + 1
        assert set(np.flatnonzero(np.isfinite(kept))) == set(order[:count])


def test_top_p_counts_probability_among_what_top_k_left():
    logits = np.log([[0.4, 0.3, 0.2, 0.1]])
    # Among the first two, 0.4 is 4/7 of the probability: enough for 0.55, not for 0.5 of all.
    kept = filtered(logits, top_k=2, top_p=0.55)
    np.testing.assert_array_equal(np.isfinite(kept[0]), [True, False, False, False])


def test_tokens_as_likely_as_the_last_that_stays_stay_too():
    kept = filtered([[2.0, 1.0, 1.0, 0.0]], top_k=2)
    np.testing.assert_array_equal(np.isfinite(kept[0]), [True, True, True, False])


def test_filters_that_are_off_change_nothing():
    np.testing.assert_array_equal(filtered(LOGITS), LOGITS)
    # 2,000 equal tokens: cumulative float32 sums pass 1 before the last token.
    flat = np.zeros((1, 2000), np.float32)
    assert np.isfinite(filtered(flat, top_k=2000, top_p=1.0)).all()


def test_repetition_penalty_follows_the_formula():
    seen = RNG.random(LOGITS.shape) < 0.5
    got = samplers.penalize_repetition(tf.constant(LOGITS), tf.constant(seen), 1.3).numpy()
    expected = LOGITS.copy()
    for row, token in zip(*np.nonzero(seen)):
        logit = LOGITS[row, token]
        expected[row, token] = logit / 1.3 if logit > 0 else logit * 1.3
    np.testing.assert_allclose(got, expected, rtol=1e-6)


def frequencies(logits, number=20_000, **arguments):
    rows = tf.tile(tf.constant(logits, tf.float32)[None], (number, 1))
    tokens, _ = samplers.choose_tokens(
        rows,
        tf.zeros(rows.shape, tf.bool),
        tf.zeros((number,), tf.int32),
        settings(number, **arguments),
    )
    return np.bincount(tokens.numpy(), minlength=len(logits))


@pytest.mark.parametrize("temperature", [1.0, 0.6, 2.5])
def test_sampling_frequencies_match_the_probabilities(temperature):
    logits = LOGITS[0]
    counts = frequencies(logits, temperature=temperature, seed=11)
    probabilities = np.exp(log_softmax(logits / temperature))
    assert chi_square(counts, probabilities) < 38  # 11 degrees of freedom: p > 8e-5


def test_filtered_sampling_renormalises_what_is_left():
    logits = np.log([0.4, 0.3, 0.2, 0.1])
    counts = frequencies(logits, top_k=3, seed=2)
    assert counts[3] == 0
    assert chi_square(counts[:3], np.array([4, 3, 2]) / 9) < 19  # 2 degrees: p > 7e-5


@pytest.mark.parametrize("temperature", [0.0, 1e-12, 1e-40])
def test_no_temperature_takes_the_likeliest(temperature):
    counts = frequencies(LOGITS[1], number=50, temperature=temperature)
    assert counts[np.argmax(LOGITS[1])] == 50


def test_log_prob_is_the_models_own():
    tokens, log_probs = samplers.choose_tokens(
        tf.constant(LOGITS),
        tf.ones(LOGITS.shape, tf.bool),
        tf.zeros((5,), tf.int32),
        settings(5, temperature=0.5, top_k=3, repetition_penalty=1.7),
    )
    expected = log_softmax(LOGITS)[np.arange(5), tokens.numpy()]
    np.testing.assert_allclose(log_probs, expected, atol=1e-5)


def test_greedy_heeds_the_repetition_penalty():
    logits, seen = tf.constant([[2.0, 1.5, 0.0]]), tf.constant([[True, False, False]])
    zeros = tf.zeros((1,), tf.int32)
    token, _ = samplers.choose_tokens(
        logits, seen, zeros, settings(1, temperature=0, repetition_penalty=1.5)
    )
    assert token.numpy() == [1]  # 2 / 1.5 is less than 1.5


def test_each_row_is_chosen_by_its_own_settings():
    rows = samplers.SamplingSettings(
        temperature=tf.constant([0.0, 0.7, 1.3, 1.0, 2.0]),
        top_k=tf.constant([0, 3, 0, 12, 1]),
        top_p=tf.constant([1.0, 1.0, 0.4, 0.9, 1.0]),
        key=tf.constant([1, 1, 2, 3, 3]),
        repetition_penalty=tf.constant(1.0),
    )
    numbers = tf.constant([0, 1, 2, 3, 4])
    together = samplers.choose_tokens(tf.constant(LOGITS), None, numbers, rows)
    for row in range(5):
        alone = samplers.SamplingSettings(*(v[row : row + 1] for v in rows[:4]), rows[4])
        number = numbers[row : row + 1]
        token, log_prob = samplers.choose_tokens(
            tf.constant(LOGITS[row : row + 1]), None, number, alone
        )
        assert token[0] == together[0][row]
        assert log_prob[0].numpy() == pytest.approx(together[1][row].numpy(), abs=1e-6)
