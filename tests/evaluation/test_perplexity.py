"""Perplexity of a split: every token once, whatever the streams and windows; the true figure."""

import numpy as np
import pytest

from lm_zoo.data.corpora.artificial.synthetic import SyntheticSource
from lm_zoo.errors import UserError
from lm_zoo.evaluation.ledger import Ledger
from lm_zoo.evaluation.nll import nll_function
from lm_zoo.evaluation.perplexity import Evaluator
from lm_zoo.evaluation.windows import plan_streams, plan_windows
from tests.evaluation.measured import evaluate_split
from tests.generation.toy import (
    BigramModel,
    BoundedModel,
    TrigramModel,
    letters,
    log_softmax,
)
from tests.small import token_split

RNG = np.random.default_rng(2)
TRIGRAM = TrigramModel(RNG.normal(size=(6, 6, 6)))


def make_split(num_tokens, vocab_size=6, shards=1, seed=0):
    tokens = np.random.default_rng(seed).integers(0, vocab_size, num_tokens).astype(np.uint16)
    figures = {"num_bytes": num_tokens, "num_words": max(1, num_tokens // 5)}
    return token_split(tokens, shards=shards, **figures, text_sha256="a" * 64)


def trigram_nll(tokens, zero_before=()):
    """Nats of tokens[1:], the state being 0 before the inputs in `zero_before`."""
    before = np.concatenate([[0], tokens[:-2]])
    before[list(zero_before)] = 0
    logits = TRIGRAM.table.numpy()[before, tokens[:-1]]
    return -log_softmax(logits)[np.arange(len(tokens) - 1), tokens[1:]]


@pytest.mark.parametrize("num_tokens", [2, 3, 17, 50, 101])
@pytest.mark.parametrize("length", [1, 7, 50, 200])
def test_one_stream_equals_one_pass_over_the_whole_text(num_tokens, length):
    split = make_split(num_tokens, shards=2)
    ledger = evaluate_split(TRIGRAM, letters(6), split, batch_size=1, sequence_length=length)
    assert ledger.nll_nats == pytest.approx(trigram_nll(split.read(0, num_tokens)).sum(), rel=1e-6)
    assert (ledger.tokens_scored, ledger.tokens_not_scored) == (num_tokens - 1, 1)
    assert ledger.context == {"rule": "carried", "streams": 1}


@pytest.mark.parametrize("num_tokens, streams", [(50, 4), (51, 4), (102, 10), (6, 5), (4, 8)])
@pytest.mark.parametrize("length", [3, 64])
def test_streams_begin_anew_and_score_every_target(num_tokens, streams, length):
    split = make_split(num_tokens)
    ledger = evaluate_split(TRIGRAM, letters(6), split, streams, length, context_rule="carried")
    starts, _ = plan_streams(num_tokens - 1, streams)
    expected = trigram_nll(split.read(0, num_tokens), zero_before=starts)
    assert ledger.nll_nats == pytest.approx(expected.sum(), rel=1e-6)
    assert ledger.tokens_scored == num_tokens - 1
    assert ledger.context == {"rule": "carried", "streams": min(streams, num_tokens - 1)}


@pytest.mark.parametrize("num_inputs, streams", [(10, 3), (9, 3), (1, 1), (1000, 7)])
def test_streams_are_as_equal_as_possible_and_cover_everything(num_inputs, streams):
    starts, stops = plan_streams(num_inputs, streams)
    assert starts[0] == 0 and stops[-1] == num_inputs
    np.testing.assert_array_equal(starts[1:], stops[:-1])
    assert np.ptp(stops - starts) <= 1


WINDOWS = [(1, 1), (4, 1), (4, 4), (5, 2), (8, 3), (10, 7)]


@pytest.mark.parametrize("window, stride", WINDOWS)
@pytest.mark.parametrize("num_inputs", [1, 2, 7, 8, 9, 30, 31])
def test_windows_score_each_target_once_with_enough_context(window, stride, num_inputs):
    counted = np.zeros(num_inputs, int)
    for start, stop, scored_from in zip(*plan_windows(num_inputs, window, stride)):
        assert 0 < stop - start <= window and start <= scored_from < stop
        counted[scored_from:stop] += 1
        for place in range(scored_from, stop):
            assert start == 0 or place - start >= window - stride
    np.testing.assert_array_equal(counted, 1)


@pytest.mark.parametrize("window, stride", WINDOWS)
@pytest.mark.parametrize("num_tokens, batch_size", [(2, 4), (9, 2), (40, 3), (41, 100)])
def test_windows_equal_reading_them_one_by_one(window, stride, num_tokens, batch_size):
    model, split = BoundedModel(6, 10), make_split(num_tokens)
    tokens = split.read(0, num_tokens)
    expected = 0.0
    for place in range(num_tokens - 1):  # each target by itself, in the window that scores it
        late = max(0, -(-(place + 1 - window) // stride))
        logits = np.asarray(model(tokens[None, late * stride : place + 1]))[0, -1]
        expected -= log_softmax(logits)[tokens[place + 1]]
    ledger = evaluate_split(model, letters(6), split, batch_size, window, stride)
    assert ledger.nll_nats == pytest.approx(expected, rel=1e-5)
    assert (ledger.tokens_scored, ledger.tokens_not_scored) == (num_tokens - 1, 1)
    assert ledger.context == {"rule": "windows", "window": window, "stride": stride}


def test_the_true_source_gets_its_own_cross_entropy_and_nearly_its_entropy_rate():
    source = SyntheticSource(vocab_size=5, seed=3)
    text = source.sample(20_000, seed=1)
    tokens = np.array([source.symbols.index(symbol) for symbol in text], np.uint16)
    split = token_split(tokens, num_bytes=len(text), text_sha256="b" * 64)
    model = BigramModel(np.log(source.transitions))
    cross_entropy = -np.log(source.transitions)[tokens[:-1], tokens[1:]].mean()
    for rule, batch_size in (("carried", 1), ("carried", 7), ("windows", 5)):
        ledger = evaluate_split(model, letters(5), split, batch_size, 128, 50, rule)
        assert ledger.perplexity == pytest.approx(np.exp(cross_entropy), rel=1e-6)
        assert np.log(ledger.perplexity) == pytest.approx(source.entropy_rate, rel=0.02)
        bits = ledger.nll_nats / np.log(2)
        assert ledger.bits_per_byte == pytest.approx(bits / len(text))  # a byte a symbol
        assert ledger.bits_per_token == pytest.approx(bits / (len(text) - 1))
        assert ledger.perplexity_per_word is None


def test_sums_are_kept_in_double_precision():
    # 300,000 times log(3): a float32 sum is off in the fourth digit.
    split = make_split(300_001, vocab_size=3)
    ledger = evaluate_split(BigramModel(np.zeros((3, 3))), letters(3), split, 10, 1000)
    assert ledger.nll_nats == pytest.approx(300_000 * np.float32(np.log(3)), rel=1e-7)


def test_an_evaluator_is_compiled_once_and_sees_new_splits():
    model = TrigramModel(RNG.normal(size=(6, 6, 6)))
    evaluator = Evaluator(model, letters(6), batch_size=4, sequence_length=8)
    first = evaluator.evaluate(make_split(100))
    other = evaluator.evaluate(make_split(120, seed=1))
    assert first.nll_nats == evaluator.evaluate(make_split(100)).nll_nats != other.nll_nats
    assert evaluator.nll_sums(make_split(100)) == (first.nll_nats, 99)
    Evaluator(model, letters(6), batch_size=4, sequence_length=8).evaluate(make_split(77))
    assert nll_function(model).experimental_get_tracing_count() == 1


def test_progress_ends_at_all_tokens():
    seen = []
    evaluator = Evaluator(BoundedModel(6, 10), letters(6), 2, 5, 2)
    evaluator.evaluate(make_split(31), on_progress=lambda *a: seen.append(a))
    assert seen[-1] == (30, 30) and len(seen) > 3 and seen == sorted(seen)


def test_the_ledger_says_what_was_measured():
    split = make_split(30)
    ledger = evaluate_split(TRIGRAM, letters(6), split, 2, 8)
    assert isinstance(ledger, Ledger)
    assert (ledger.split, ledger.text_sha256) == ("test", "a" * 64)
    assert (ledger.tokenizer, ledger.tokenizer_fingerprint) == ("piece", "piece")
    assert (ledger.num_words, ledger.num_bytes, ledger.num_unknown) == (6, 30, 0)
    assert "first token has no context" in ledger.why_not_scored


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"context_rule": "carried"}, "context_rule: expected 'windows'.*context_length is 10"),
        ({"context_rule": "window"}, "Did you mean 'windows'"),
        ({"sequence_length": 11}, r"sequence_length: .*\(10\), received 11"),
        ({"sequence_length": 5, "stride": 6}, r"stride: .*\(5\), received 6"),
        ({"batch_size": 0}, "batch_size: .*received 0"),
        ({"sequence_length": 0}, "sequence_length: .*received 0"),
        ({"stride": -1}, "stride: .*received -1"),
    ],
)
def test_what_cannot_be_measured_so_is_refused(arguments, message):
    arguments = {"sequence_length": 10} | arguments
    with pytest.raises(UserError, match=message):
        Evaluator(BoundedModel(6, 10), letters(6), **arguments)


def test_unusable_splits_tokenizers_and_models_are_refused():
    with pytest.raises(UserError, match="at least 2 tokens in test, received 1"):
        evaluate_split(TRIGRAM, letters(6), make_split(1))
    with pytest.raises(UserError, match="model's 6 token ids, received a tokenizer of 5"):
        Evaluator(TRIGRAM, letters(5))
    with pytest.raises(UserError, match="received a loss of nan"):
        evaluate_split(BigramModel(np.full((6, 6), np.nan)), letters(6), make_split(10))
