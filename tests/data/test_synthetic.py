"""The synthetic source's entropy is what its text shows."""

import collections
import math

import numpy as np
import pytest

from lm_zoo.config import CorpusConfig
from lm_zoo.data.corpora import load_corpus
from lm_zoo.data.corpora.artificial.synthetic import SyntheticSource
from lm_zoo.errors import UserError
from tests.data.likelihood import nats_of


def conditional_entropy(text, order):
    """Nats a symbol, from counts of what follows each context."""
    grams = collections.Counter(text[i : i + order + 1] for i in range(len(text) - order))
    contexts = collections.Counter()
    for gram, count in grams.items():
        contexts[gram[:order]] += count
    return -sum(n * math.log(n / contexts[g[:order]]) for g, n in grams.items()) / sum(
        grams.values()
    )


@pytest.mark.parametrize("vocab_size, seed, order", [(2, 0, 1), (8, 0, 1), (8, 1, 1), (4, 0, 2)])
def test_a_long_sample_shows_the_entropy_rate(vocab_size, seed, order):
    source = SyntheticSource(vocab_size, seed, order)
    text = source.sample(300_000, seed=5)
    assert len(text) == 300_000 and set(text) <= set(source.symbols) and text.isalpha()
    assert conditional_entropy(text, order) == pytest.approx(source.entropy_rate, rel=0.01)
    assert np.mean(nats_of(source, text)) == pytest.approx(source.entropy_rate, rel=0.01)
    assert 0 < source.entropy_rate < math.log(vocab_size)


def test_more_context_than_the_order_does_not_help_and_less_hurts():
    source = SyntheticSource(3, 0, order=2)
    text = source.sample(300_000, seed=1)
    assert conditional_entropy(text, 4) == pytest.approx(source.entropy_rate, rel=0.01)
    assert conditional_entropy(text, 1) > 1.02 * source.entropy_rate


def test_the_stationary_distribution_is_the_eigenvector_of_one():
    source = SyntheticSource(8, 3)
    values, vectors = np.linalg.eig(source.transitions.T)
    vector = np.real(vectors[:, np.argmin(abs(values - 1))])
    np.testing.assert_allclose(source.stationary, vector / vector.sum(), atol=1e-10)
    np.testing.assert_allclose(source.transitions.sum(axis=1), 1)
    entropy = -(source.stationary[:, None] * source.transitions * np.log(source.transitions)).sum()
    assert source.entropy_rate == pytest.approx(entropy, rel=1e-10)


def test_the_likelihood_is_the_product_of_the_transitions():
    source = SyntheticSource(3, 0)
    i, j, k = 2, 0, 1
    text = source.symbols[i] + source.symbols[j] + source.symbols[k]
    expected = -np.log([source.stationary[i], source.transitions[i, j], source.transitions[j, k]])
    np.testing.assert_allclose(nats_of(source, text), expected)


def test_the_same_seed_gives_the_same_text_and_another_another():
    source, other = SyntheticSource(8, 0), SyntheticSource(8, 1)
    assert source.sample(100, 0) == SyntheticSource(8, 0).sample(100, 0)
    assert source.sample(100, 0) != source.sample(100, 1)
    assert source.entropy_rate != other.entropy_rate


def test_splits_are_independent_samples_of_the_right_sizes():
    corpus = load_corpus(CorpusConfig("synthetic", tokens=5000, validation_fraction=0.1))
    assert [len(text) for text in corpus.splits.values()] == [5000, 500, 250]
    train, validation, test = corpus.splits.values()
    assert validation not in train and test not in train
    assert validation[:250] != train[:250] and validation[:250] != test
    rate = SyntheticSource(8, 0).entropy_rate
    assert f"{rate:.6f}" in corpus.source


def test_many_symbols_are_letters_and_too_many_an_error():
    assert SyntheticSource(300, 0).symbols.isalpha()
    assert len(set(SyntheticSource(300, 0).symbols)) == 300
    for wrong in (1, 5000):
        with pytest.raises(UserError, match=f"corpus.vocab_size: .* received {wrong} symbols"):
            SyntheticSource(wrong, 0)
