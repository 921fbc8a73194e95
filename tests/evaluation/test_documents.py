"""Perplexity within documents: each is read from the end token before it, and from nothing else."""

import numpy as np
import pytest

from lm_zoo.errors import UserError
from lm_zoo.evaluation.compare import compare
from lm_zoo.evaluation.ledger import Ledger
from lm_zoo.evaluation.ledger_table import describe_context
from lm_zoo.evaluation.perplexity import Evaluator
from lm_zoo.evaluation.windows import (
    plan_document_streams,
    plan_document_windows,
    plan_windows,
)
from lm_zoo.registry import build_model
from tests.conformance.models import VARIANTS
from tests.evaluation.measured import evaluate_split
from tests.generation.toy import letters, log_softmax
from tests.small import random_documents, token_split

VOCAB = 7
LENGTHS = (3, 11, 1, 24, 9, 5, 12, 2)


def make_split(lengths=LENGTHS):
    figures = {"num_bytes": sum(lengths) + 1, "text_sha256": "a" * 64}
    return random_documents(lengths, VOCAB, "test", shards=2, **figures)


def build(variant):
    name, arguments = VARIANTS[variant]
    return build_model(name, vocab_size=VOCAB, seed=1, **arguments)


def nats(model, tokens, scored_from=0):
    """Of `tokens[1:]`, read at once from the zero state."""
    log_probs = log_softmax(np.asarray(model(tokens[None, :-1]))[0])
    return -log_probs[np.arange(len(tokens) - 1), tokens[1:]][scored_from:].sum()


def document(split, index):
    start, stop = split.document_starts[index : index + 2]
    return split.read(start, stop + 1)


RECURRENT = [name for name in VARIANTS if "decoder" not in name]


@pytest.mark.parametrize("variant", RECURRENT)
def test_carried_state_within_documents_is_each_document_alone(variant):
    model, split = build(variant), make_split()
    expected = sum(nats(model, document(split, i)) for i in range(len(LENGTHS)))
    for streams, length in ((1, 64), (3, 7), (20, 4)):
        ledger = evaluate_split(
            model, letters(VOCAB), split, streams, length, within_documents=True
        )
        assert ledger.nll_nats == pytest.approx(expected, rel=1e-5)
        assert ledger.tokens_scored == sum(LENGTHS) == split.num_tokens - 1
        assert ledger.context == {"rule": "carried", "within_documents": True}
    through = evaluate_split(model, letters(VOCAB), split, 1, 64)
    assert abs(through.nll_nats - expected) > 1e-3


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("window, stride", [(24, 12), (8, 3), (10, 10)])
def test_windows_within_documents_are_those_of_each_document_alone(variant, window, stride):
    model, split = build(variant), make_split()
    expected = 0.0
    for index in range(len(LENGTHS)):
        tokens = document(split, index)
        for start, stop, scored_from in zip(*plan_windows(len(tokens) - 1, window, stride)):
            expected += nats(model, tokens[start : stop + 1], scored_from - start)
    for batch_size in (2, 50):
        ledger = evaluate_split(
            model, letters(VOCAB), split, batch_size, window, stride, "windows", True
        )
        assert ledger.nll_nats == pytest.approx(expected, rel=1e-5)
        assert ledger.tokens_scored == split.num_tokens - 1
    assert ledger.context == {
        "rule": "windows",
        "window": window,
        "stride": stride,
        "within_documents": True,
    }


@pytest.mark.parametrize("window, stride", [(1, 1), (5, 2), (8, 8), (30, 7)])
def test_windows_of_all_documents_are_planned_as_those_of_one(window, stride):
    starts = make_split().document_starts
    found = plan_document_windows(starts, window, stride)
    expected = [
        [part + start for part in plan_windows(length, window, stride)]
        for start, length in zip(starts, LENGTHS)
    ]
    for array, parts in zip(found, zip(*expected)):
        np.testing.assert_array_equal(array, np.concatenate(parts))


@pytest.mark.parametrize("num_streams", [1, 2, 3, 8, 100])
def test_streams_are_cut_between_documents_and_cover_everything(num_streams):
    split = make_split()
    starts, stops = plan_document_streams(split.document_starts, num_streams)
    assert starts[0] == 0 and stops[-1] == split.num_tokens - 1
    np.testing.assert_array_equal(starts[1:], stops[:-1])
    assert set(starts.tolist()) <= set(split.document_starts.tolist())
    assert 1 <= len(starts) <= min(num_streams, len(LENGTHS)) and np.all(stops > starts)


def test_the_number_of_streams_is_as_asked_where_documents_are_short():
    starts = np.arange(0, 10_001, 10)
    assert len(plan_document_streams(starts, 16)[0]) == 16


def test_ledgers_say_so_and_comparison_calls_it_another_context():
    model, split = build("lstm_lm"), make_split()
    within = evaluate_split(model, letters(VOCAB), split, 1, 16, within_documents=True)
    through = evaluate_split(model, letters(VOCAB), split, 1, 16)
    assert Ledger.from_dict(within.to_dict()) == within
    assert describe_context(within.context) == "carried state within documents"
    windows = {"rule": "windows", "window": 8, "stride": 4, "within_documents": True}
    assert describe_context(windows) == "windows of 8, stride 4, within documents"
    notes = compare({"within": within, "through": through}).notes
    assert any("context rules differ" in note for note in notes)
    altered = within.to_dict() | {"context": {"rule": "carried", "within_documents": False}}
    with pytest.raises(UserError, match="ledger.context"):
        Ledger.from_dict(altered)


def test_a_stream_cannot_be_measured_within_documents():
    split = token_split(np.arange(6))
    evaluator = Evaluator(build("lstm_lm"), letters(VOCAB), within_documents=True)
    with pytest.raises(UserError, match="expected documents in test.*received one stream"):
        evaluator.evaluate(split)
