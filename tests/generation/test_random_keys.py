"""Random numbers of texts: uniform, independent, and the same in every graph and padding."""

import collections

import numpy as np
import tensorflow as tf

from lm_zoo.generation import random_keys

RNG = np.random.default_rng(2)


def keys_of(prompts, seed=7, draw=0):
    rows = np.full(len(prompts), 1, np.int32)
    return random_keys.row_keys(*random_keys.padded(prompts), seed * rows, draw * rows)


def chi_square(counts, probability):
    expected = counts.sum() * probability
    return np.sum((counts - expected) ** 2 / expected)


def check_uniform(grid):
    """Checks 200 x 200 numbers, their neighbours in both directions, and that they differ."""
    assert 0 < grid.min() and grid.max() < 1
    counts = np.histogram(grid, bins=100, range=(0, 1))[0]
    assert chi_square(counts, 0.01) < 160  # 99 degrees of freedom: p > 1e-4
    for one, other in ((grid[:, 1:], grid[:, :-1]), (grid[1:], grid[:-1])):
        pairs = np.histogram2d(one.ravel(), other.ravel(), bins=8, range=[[0, 1], [0, 1]])[0]
        assert chi_square(pairs, 1 / 64) < 110  # 63 degrees: p > 2e-4
    assert len(np.unique(grid)) > 39_990


def test_numbers_are_uniform_and_independent_over_tokens_samples_prompts_and_seeds():
    row, token = np.divmod(np.arange(40_000, dtype=np.int32), 200)
    same = np.ones((40_000, 1), np.int32), np.ones(40_000, np.int32)
    # Prompts that differ in one token, in their length, or in the order of their tokens.
    last = np.stack([np.full(40_000, 5, np.int32), row], 1), np.full(40_000, 2, np.int32)
    longer = np.full((40_000, 200), 3, np.int32), row + 1
    cases = (
        (*same, 7, row),
        (*same, row, 0 * row),
        (*last, 7, 0 * row),
        (last[0][:, ::-1].copy(), last[1], 7, 0 * row),
        (*longer, 7, 0 * row),
    )
    for prompts, lengths, seed, draw in cases:
        keys = random_keys.row_keys(prompts, lengths, seed, draw)
        check_uniform(random_keys.uniform_numbers(keys, token).numpy().reshape(200, 200))


def test_first_numbers_of_prompts_are_uniform_for_every_seed():
    prompts = RNG.integers(0, 50, (40_000, 6)).astype(np.int32)
    keys = random_keys.row_keys(prompts, np.full(40_000, 6, np.int32), 0, np.zeros(40_000, int))
    check_uniform(
        random_keys.uniform_numbers(keys, np.zeros(40_000, int)).numpy().reshape(200, 200)
    )


def test_a_key_does_not_depend_on_padding_or_position():
    prompts = [[4, 5, 6], [4], [4, 0], [0, 4], [5, 4, 6], [1] * 40]
    keys = keys_of(prompts).numpy()
    assert len(set(keys)) == len(prompts)
    for prompt, key in zip(prompts, keys):
        padded = np.array([prompt + [9] * 3], np.int32)
        alone = random_keys.row_keys(padded, np.array([len(prompt)]), 7, np.array([0]))
        assert alone.numpy()[0] == key
    assert not set(keys) & set(keys_of(prompts, seed=8).numpy())
    assert not set(keys) & set(keys_of(prompts, draw=1).numpy())
    # The same inside XLA: an exported graph must draw the same text.
    compiled = tf.function(random_keys.row_keys, jit_compile=True, autograph=False)
    token_ids, lengths = random_keys.padded(prompts)
    seven = np.full(len(prompts), 7, np.int32)
    np.testing.assert_array_equal(compiled(token_ids, lengths, seven, 0 * seven), keys)


def test_uniform_numbers_are_the_chained_finalizer():
    """The chained finalizer, written anew in Python's whole numbers."""

    def mix(value):
        value ^= value >> 16
        value = value * 0x85EBCA6B % 2**32
        value ^= value >> 13
        value = value * 0xC2B2AE35 % 2**32
        return value ^ value >> 16

    for key, token in ((5, 0), (-3, 17), (2**31 - 1, 2**20)):
        expected = (mix((key + mix(token) * 0xC2B2AE3D) % 2**32) + 0.5) / 2**32
        assert random_keys.uniform_numbers([key], [token]).numpy()[0] == expected


def test_equal_prompts_are_numbered_in_python_and_in_the_graph():
    prompts = [[1, 2], [3], [1, 2], [1, 2, 0], [3], [1, 2], []]
    assert random_keys.draws(map(tuple, prompts)) == [0, 0, 1, 0, 1, 2, 0]
    assert random_keys.draws(map(tuple, prompts), 5) == [0, 0, 5, 0, 5, 10, 0]
    many = [list(RNG.integers(0, 3, RNG.integers(1, 4))) for _ in range(500)]
    seeds = RNG.integers(2**31 - 3, 2**31, 500).astype(np.int32)
    token_ids, lengths = random_keys.padded(many)
    before, expected = collections.Counter(), []
    for prompt, seed in zip(many, seeds):
        expected.append(before[(*prompt, "seed", seed)])
        before[(*prompt, "seed", seed)] += 1
    found = tf.function(random_keys.draws_in_graph, autograph=False)(token_ids, lengths, seeds)
    assert found.numpy().tolist() == expected
    assert random_keys.draws_in_graph(token_ids[:0], lengths[:0], seeds[:0]).shape == (0,)
