"""Scores of single texts, against numpy, one text at a time."""

import numpy as np
import pytest

from lm_zoo.errors import UserError
from lm_zoo.evaluation.nll import nll_function
from lm_zoo.evaluation.scoring import (
    MAX_CHUNK_TOKENS,
    MIN_CHUNK_TOKENS,
    piece_lengths,
    score_texts,
)
from tests.generation.toy import (
    BoundedModel,
    PieceTokenizer,
    TrigramModel,
    letters,
    log_softmax,
)

MODEL = TrigramModel(np.random.default_rng(7).normal(size=(6, 6, 6)))
TEXTS = ["abc", "", "f", "bedfacde" * 40, "bad", "cabbed", "a" * 17, "dec"]


def by_hand(model, context, ids):
    """Nats of each token, all read at once in a batch of one."""
    tokens = np.array([*context, *ids], np.int32)
    log_probs = log_softmax(np.asarray(model(tokens[None, :-1]))[0])
    return -log_probs[np.arange(len(tokens) - 1), tokens[1:]][-len(ids) :]


@pytest.mark.parametrize("batch_size", [1, 3, 50])
def test_scores_equal_one_text_at_a_time(batch_size):
    tokenizer = letters(6, start_ids=[2])
    for text, score in zip(TEXTS, score_texts(MODEL, tokenizer, TEXTS, batch_size), strict=True):
        if not text:
            continue
        expected = by_hand(MODEL, [2], tokenizer.encode(text))
        assert score.log_prob == pytest.approx(-expected.sum(), rel=1e-5)
        assert [t for t, _ in score.tokens] == list(text)
        np.testing.assert_allclose([s for _, s in score.tokens], expected, atol=1e-5)
        assert (score.num_tokens, score.tokens_not_scored) == (len(text), 0)
        assert score.perplexity == pytest.approx(np.exp(expected.mean()), rel=1e-5)
        assert score.bits_per_byte == pytest.approx(expected.mean() / np.log(2), rel=1e-5)
        assert (score.num_bytes, score.num_words) == (len(text), 1)
        assert score.context == "after c"


def test_an_empty_text_has_no_perplexity():
    (score,) = score_texts(MODEL, letters(6, start_ids=[2]), [""])
    assert (str(score.log_prob), score.num_tokens, score.tokens) == ("0.0", 0, [])
    assert score.perplexity is None and score.bits_per_byte is None
    assert score_texts(MODEL, letters(6), []) == []


def test_without_a_start_the_first_token_is_not_scored_and_it_is_said():
    short, long = score_texts(MODEL, letters(6), ["b", "bad"])
    assert (short.num_tokens, short.tokens_not_scored, short.perplexity) == (0, 1, None)
    assert short.tokens == [("b", None)]
    expected = by_hand(MODEL, [1], [0, 3])
    assert long.tokens[0] == ("b", None)
    assert long.log_prob == pytest.approx(-expected.sum(), rel=1e-5)
    assert long.context == "none: the first token is not scored"


@pytest.mark.parametrize("context_length, stride", [(10, 0), (10, 3), (10, 10), (20, 0), (1, 0)])
@pytest.mark.parametrize("start", [(), (2,), (2, 4, 0)])
def test_long_texts_are_scored_by_windows(context_length, stride, start):
    model, tokenizer = BoundedModel(6, context_length), letters(6, start_ids=start)
    texts = ["fadedcabbed" * 3, "cab", "b", "abcdef" * 2]
    step = stride or max(1, context_length // 2)
    scores = score_texts(model, tokenizer, texts, batch_size=3, stride=stride)
    for text, score in zip(texts, scores):
        tokens = [*start, *tokenizer.encode(text)]
        expected = []
        for place in range(max(len(start), 1), len(tokens)):  # the token that is predicted
            late = max(0, -(-(place - context_length) // step))
            logits = np.asarray(model(np.array([tokens[late * step : place]], np.int32)))[0, -1]
            expected.append(-log_softmax(logits)[tokens[place]])
        got = [surprisal for _, surprisal in score.tokens if surprisal is not None]
        np.testing.assert_allclose(got, expected, atol=1e-4)
        windowed = f"windows of {context_length}, stride {step}" in score.context
        assert windowed == (len(tokens) - 1 > context_length)


def test_lengths_are_padded_to_few_shapes_within_the_context():
    for longest in (1, 15, 16, 17, 100, 257, 1000):
        pieces = piece_lengths(longest, 100, None)
        assert longest <= sum(pieces) < max(2 * longest, MIN_CHUNK_TOKENS + 1)
        assert all(p in (16, 32, 64, 128, 256) for p in pieces)
        assert sum(piece_lengths(min(longest, 100), 100, 100)) <= 100
    assert (
        max(piece_lengths(5000, 16 * 50257, None)) == 64 < MAX_CHUNK_TOKENS
    )  # a large vocabulary's logits


def test_few_traces_serve_many_texts():
    model = TrigramModel(np.random.default_rng(0).normal(size=(6, 6, 6)))
    texts = ["ab" * n for n in range(1, 60)]
    for begin in range(0, 59, 8):
        score_texts(model, letters(6, start_ids=[0]), texts[begin : begin + 8], batch_size=4)
    assert nll_function(model).experimental_get_tracing_count() <= 8


def test_bytes_words_and_unknown_tokens_are_counted():
    tokenizer = PieceTokenizer(["a", " ", "\n", "\u20ac", "?", "b"], start_ids=[2])
    tokenizer.unk_id = 4
    (score,) = score_texts(MODEL, tokenizer, ["a \u20ac?b\na"])
    assert (score.num_bytes, score.num_words, score.num_unknown) == (9, 4, 1)
    assert score.bits_per_byte is None  # for the unknown one was not predicted
    assert score.bits_per_byte_lower_bound == pytest.approx(-score.log_prob / np.log(2) / 9)
    (known,) = score_texts(MODEL, tokenizer, ["a \u20acb\na"])
    assert known.bits_per_byte == pytest.approx(-known.log_prob / np.log(2) / 8)
    assert known.bits_per_byte_lower_bound is None


def test_unusable_arguments_are_refused():
    with pytest.raises(UserError, match="list of strings, received 'abc'"):
        score_texts(MODEL, letters(6), "abc")
    with pytest.raises(UserError, match="batch_size"):
        score_texts(MODEL, letters(6), ["a"], batch_size=0)
    with pytest.raises(UserError, match=r"stride: .*to 10 .*received 11"):
        score_texts(BoundedModel(6, 10), letters(6), ["a"], stride=11)
    with pytest.raises(UserError, match="model's 6 token ids"):
        score_texts(MODEL, letters(4), ["a"])
