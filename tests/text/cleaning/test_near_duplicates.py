"""MinHash beside exact Jaccard similarities, and locality hashing beside its formula."""

import dataclasses
import random

import numpy as np
import pytest

from lm_zoo.config import CleaningConfig
from lm_zoo.text.cleaning import near_duplicates as near
from lm_zoo.text.cleaning.signatures import SignatureBlock, Signatures
from lm_zoo.text.cleaning.units import ngram_hashes, terms

SETTINGS = CleaningConfig()
WORDS = [f"w{number}" for number in range(3000)]
PINNED = [6695165555415941635, 453090261347683402, 471877584270454332, 2796359249232436799]


def ngrams(text, length):
    found = terms(text)
    return {tuple(found[i : i + length]) for i in range(max(1, len(found) - length + 1))}


def jaccard(one, other, length=5):
    one, other = ngrams(one, length), ngrams(other, length)
    return len(one & other) / len(one | other)


def varied(text, changes, randomness):
    found = text.split()
    for _ in range(changes):
        found[randomness.randrange(len(found))] = randomness.choice(WORDS)
    return " ".join(found)


@pytest.fixture(scope="module")
def texts():
    """Twenty texts, each with nine that have more and more of their words changed."""
    randomness = random.Random(0)
    result = []
    for _ in range(20):
        first = " ".join(randomness.choices(WORDS, k=300))
        result += [first] + [varied(first, changes, randomness) for changes in range(1, 28, 3)]
    return result


def test_ngram_hashes_are_equal_where_ngrams_are():
    text = "The cat, the CAT! the dog. " * 3 + "鳳凰臺上"
    for length in (1, 2, 5, 13):
        found = terms(text)
        runs = [tuple(found[i : i + length]) for i in range(len(found) - length + 1)]
        hashes = ngram_hashes(text, length)
        assert len(hashes) == len(runs)
        assert len(set(hashes.tolist())) == len(set(runs)) == len(set(zip(hashes.tolist(), runs)))
    assert ngram_hashes("one two", 5).tolist() == ngram_hashes("One, two.", 5).tolist()
    assert ngram_hashes("", 5).tolist() != ngram_hashes("!", 5).tolist()
    assert len(ngram_hashes("one two", 5)) == 1


def test_hashes_stay_the_same_over_versions():
    """They are in caches; whoever changes them must raise the steps' version."""
    assert ngram_hashes("to be or not to be", 3).tolist() == PINNED


def test_minhash_estimates_the_jaccard_similarity(texts):
    signatures = np.array([near.near_duplicates(text, SETTINGS) for text in texts])
    errors = []
    for start in range(0, len(texts), 10):
        for other in range(start + 1, start + 10):
            exact = jaccard(texts[start], texts[other])
            errors.append((signatures[start] == signatures[other]).mean() - exact)
    assert abs(np.mean(errors)) < 0.01
    assert np.std(errors) < 0.05  # sqrt(s (1 - s) / 128) is at most 0.044
    assert (signatures[0] == signatures[10]).mean() < 0.05


@pytest.mark.parametrize("similarity", [0.5, 0.7, 0.8, 0.9, 1.0])
def test_similar_documents_meet_as_often_as_the_formula_says(similarity):
    bands, rows = near.bands_and_rows(similarity)
    assert bands * rows <= near.HASHES
    assert 1 - (1 - similarity**rows) ** bands >= near.RECALL
    one = np.random.default_rng(0).random((4000, bands, rows))
    measured = (one < similarity).all(axis=2).any(axis=1).mean()
    assert measured == pytest.approx(1 - (1 - similarity**rows) ** bands, abs=0.02)


class Numbered:
    split, number = "train", 0


def fitted(texts, directory, **fields):
    settings = dataclasses.replace(SETTINGS, **fields)
    directory.mkdir()
    signatures = np.array([near.near_duplicates(text, settings) for text in texts])
    signatures.astype("<u4").tofile(directory / "s")
    np.arange(len(texts), dtype="<i8").tofile(directory / "n")
    block = SignatureBlock("train", 0, directory / "s", directory / "n", len(texts), "<u4")
    filter = near.fit_near_duplicates(Signatures([block]), settings, directory)
    return [filter.check(Numbered, place, text) for place, text in enumerate(texts)]


def test_what_goes_is_what_brute_force_finds(texts, tmp_path):
    """Exact similarities, all pairs; near the threshold the estimate may go either way."""
    verdicts = fitted(texts, tmp_path / "filter")
    sets = [ngrams(text, 5) for text in texts]
    for place, verdict in enumerate(verdicts):
        here = sets[place]
        closest = max((len(here & s) / len(here | s) for s in sets[:place]), default=0)
        if closest >= 0.92:
            assert verdict is not None
        if closest <= 0.68:
            assert verdict is None
    assert {verdict is None for verdict in verdicts} == {True, False}
    assert verdicts[1].detail.startswith("document 1 of train, similarity about 0.9")


def test_a_large_bucket_is_joined_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(near, "ALL_PAIRS", 8)
    monkeypatch.setattr(near, "AT_ONCE", 16)
    one = " ".join(WORDS[:400])
    other = " ".join(WORDS[400:800])
    verdicts = fitted([one, other, *[one, other] * 100], tmp_path / "filter")
    assert [verdict is None for verdict in verdicts] == [True, True] + [False] * 200
    assert verdicts[-1].detail.startswith("document 2 of train, similarity about 1.00")


def test_partitions_find_what_one_look_finds(texts, tmp_path, monkeypatch):
    from lm_zoo.text.cleaning import signatures

    whole = fitted(texts, tmp_path / "whole")
    monkeypatch.setattr(signatures, "PARTITION", 50)
    assert fitted(texts, tmp_path / "parts") == whole
