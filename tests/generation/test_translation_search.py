"""Beam search after sources, against every text there is and plain loops."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from lm_zoo.generation import TranslationOptions
from lm_zoo.generation.search.translation_search import (
    automatic_length,
    search_sources,
    search_targets,
)
from tests.generation.pair_models import END, NAMES, VOCAB, decided_model
from tests.generation.plain_beam_search import plain_beam_search
from tests.generation.toy import log_softmax

MAX_LENGTH, WIDE = 4, 320  # as many beams as the last step has continuations
SOURCES = np.array([[2, 1, 4, 1, END], [0, END, 0, 0, 0], [4, 4, 2, END, 0]], np.int32)
LENGTHS = np.array([5, 2, 4], np.int32)


@pytest.fixture(scope="module", params=NAMES)
def model(request):
    return decided_model(request.param)


def search(model, sources=SOURCES, lengths=LENGTHS, end_id=END, **options):
    found = search_sources(
        model, sources, lengths, end_id, TranslationOptions(**options).validate()
    )
    return [part.numpy() for part in found]


def hypotheses(found, row):
    """`(tokens, score, log_prob)` of each of a source's texts."""
    tokens, _, scores, log_probs = (part[row] for part in found)
    return [
        (ids[ids >= 0].tolist(), score, log_prob)
        for ids, score, log_prob in zip(tokens, scores, log_probs)
        if np.isfinite(score)
    ]


def every_text(model, row, length_penalty, coverage_penalty):
    """The same of all texts that end by the end token or with `MAX_LENGTH` tokens, best first."""
    others = [token for token in range(VOCAB) if token != END]
    texts = [
        [*ids, last]
        for length in range(MAX_LENGTH)
        for ids in itertools.product(others, repeat=length)
        for last in (range(VOCAB) if length == MAX_LENGTH - 1 else [END])
    ]
    inputs = np.full((len(texts), MAX_LENGTH), END)
    for padded, ids in zip(inputs, texts):
        padded[1 : len(ids)] = ids[:-1]
    source = np.repeat(SOURCES[row : row + 1, : LENGTHS[row]], len(texts), 0)
    log_probs = log_softmax(model(inputs, source_ids=source))
    attention = np.mean(model.attention_weights(inputs, source)[-1], 1, dtype=np.float64)
    found = []
    for number, ids in enumerate(texts):
        total = sum(log_probs[number, place, token] for place, token in enumerate(ids))
        covered = np.minimum(attention[number, : len(ids)].sum(0), 1)
        score = total / len(ids) ** length_penalty + coverage_penalty * np.log(covered).sum()
        found.append((ids, score, total))
    return sorted(found, key=lambda entry: -entry[1])


@pytest.mark.parametrize(
    "length_penalty, coverage_penalty",
    [(0.0, 0.0), (1.0, 0.0), (-1.0, 0.0), (1.0, 0.4), (2.0, 3.0)],
)
def test_wide_beams_find_the_best_of_all_texts(model, length_penalty, coverage_penalty):
    penalties = dict(length_penalty=length_penalty, coverage_penalty=coverage_penalty)
    found = search(
        model, num_beams=WIDE, num_return_sequences=WIDE, max_new_tokens=MAX_LENGTH, **penalties
    )
    for row in range(len(SOURCES)):
        expected = every_text(model, row, **penalties)[:20]
        for (ids, score, log_prob), (best, its_score, total) in zip(
            hypotheses(found, row), expected
        ):
            assert ids == best
            assert score == pytest.approx(its_score, abs=2e-5)
            assert log_prob == pytest.approx(total, abs=2e-5)
    np.testing.assert_array_equal(found[1], np.sum((found[0] >= 0) & (found[0] != END), -1))


def test_the_penalties_change_which_text_is_best(model):
    best = {
        penalties: [every_text(model, row, *penalties)[0][0] for row in range(len(SOURCES))]
        for penalties in [(0.0, 0.0), (2.0, 0.0), (0.0, 3.0)]
    }
    assert best[0.0, 0.0] != best[2.0, 0.0]
    assert best[0.0, 0.0] != best[0.0, 3.0]


def test_one_beam_is_greedy(model):
    found = search(model, num_beams=1, max_new_tokens=9)
    for row, (source, length) in enumerate(zip(SOURCES, LENGTHS)):
        state = model.initial_state(1, memory=model.encode(source[None, :length]))
        ids, total = [END], 0.0
        while len(ids) < 10 and (len(ids) == 1 or ids[-1] != END):
            logits, state = model.forward(tf.constant([ids[-1:]]), state)
            ids.append(int(np.argmax(logits[0, 0])))
            total += log_softmax(logits[0, 0])[ids[-1]]
        ((tokens, score, log_prob),) = hypotheses(found, row)
        assert tokens == ids[1:]
        assert log_prob == pytest.approx(total, abs=1e-5)
        assert score == pytest.approx(total / len(tokens), abs=1e-5)


@pytest.mark.parametrize(
    "num_beams, length_penalty",
    [
        (3, -0.5),
        pytest.param(2, 0.3, marks=pytest.mark.slow),
        pytest.param(3, 1.0, marks=pytest.mark.slow),
    ],
)
def test_narrow_beams_are_those_of_plain_loops(model, num_beams, length_penalty):
    options = dict(num_beams=num_beams, num_return_sequences=num_beams, max_new_tokens=8)
    found = search(model, length_penalty=length_penalty, **options)
    for row, length in enumerate(LENGTHS):

        def logits_after(texts):
            inputs = np.array([[END, *ids] for ids in texts])
            source = np.repeat(SOURCES[row : row + 1, :length], len(texts), 0)
            return model(inputs, source_ids=source)[:, -1]

        expected = plain_beam_search(logits_after, num_beams, 8, END, length_penalty)
        for mine, its in zip(hypotheses(found, row), expected[:num_beams], strict=True):
            assert mine[0] == its[0]
            assert mine[1:] == pytest.approx(its[1:], abs=2e-5)


@pytest.mark.parametrize("coverage_penalty", [0.0, 0.4])
def test_sources_do_not_change_each_other(model, coverage_penalty):
    options = dict(
        num_beams=3, num_return_sequences=3, max_new_tokens=9, coverage_penalty=coverage_penalty
    )
    together = search(model, **options)
    wider = np.pad(SOURCES, ((0, 0), (0, 3)), constant_values=4)
    for row, length in enumerate(LENGTHS):
        alone = search(model, SOURCES[row : row + 1, :length], LENGTHS[row : row + 1], **options)
        padded = search(model, wider[[1, row, 0]], LENGTHS[[1, row, 0]], **options)
        for other in (hypotheses(alone, 0), hypotheses(padded, 1)):
            for mine, its in zip(hypotheses(together, row), other, strict=True):
                assert mine[0] == its[0]
                assert mine[1:] == pytest.approx(its[1:], abs=1e-5)


def test_how_many_are_asked_for_does_not_change_the_best(model):
    many = search(model, num_beams=5, num_return_sequences=5, max_new_tokens=9)
    for num_return_sequences in (1, 3):
        few = search(
            model, num_beams=5, num_return_sequences=num_return_sequences, max_new_tokens=9
        )
        for row in range(len(SOURCES)):
            assert hypotheses(few, row) == hypotheses(many, row)[:num_return_sequences]


def test_each_source_has_its_own_greatest_length(model):
    longest = np.array([3, 1, 6], np.int32)
    found = search_targets(model, SOURCES, LENGTHS, END, 2, longest)
    assert found.tokens.shape == (3, 2, 6)
    for row, most in enumerate(longest):
        apart = search_targets(model, SOURCES, LENGTHS, END, 2, int(most))
        np.testing.assert_array_equal(found.tokens[row, :, :most], apart.tokens[row])
        np.testing.assert_allclose(found.scores[row], apart.scores[row], atol=1e-5)
        assert np.all(found.tokens[row, :, most:] == -1)


def test_without_a_greatest_length_the_source_decides_up_to_the_context():
    model = decided_model("encoder_decoder", context_length=26)
    bias = np.zeros(VOCAB)
    bias[END] = -1e9
    unending = model.logits
    model.logits = lambda features: unending(features) + bias
    found = search_targets(model, SOURCES, LENGTHS, END, 1)
    expected = np.minimum(automatic_length(LENGTHS), 25)
    assert expected.tolist() == [25, 24, 25]
    np.testing.assert_array_equal(found.lengths[:, 0], expected)
    found = search_targets(model, SOURCES, LENGTHS, END, 1, 1000)
    np.testing.assert_array_equal(found.lengths[:, 0], [25, 25, 25])


def test_fewer_texts_than_asked_for_leave_the_rest_empty(model):
    found = search(model, num_beams=9, num_return_sequences=9, max_new_tokens=1)
    np.testing.assert_array_equal(np.isfinite(found[2]), [[True] * VOCAB + [False] * 4] * 3)
    assert np.all(found[0][:, VOCAB:] == -1) and np.all(found[1][:, VOCAB:] == 0)
