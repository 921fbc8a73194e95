"""Perplexity of targets given their sources, against a loop over single pairs in numpy."""

import dataclasses
import functools

import numpy as np
import pytest
import tensorflow as tf

from lm_zoo.errors import UserError
from lm_zoo.evaluation.compare import compare
from lm_zoo.evaluation.ledger import Ledger
from lm_zoo.evaluation.ledger_table import render_table
from lm_zoo.models.gru_lm import GRULM
from lm_zoo.registry import build_model
from tests.conformance.models import TINY_PAIR_MODELS
from tests.evaluation.test_ledger import make_ledger
from tests.generation.toy import letters, log_softmax
from tests.small import END, document_split, example_split, translation

VOCAB = 19
TOKENIZER = letters(VOCAB)
TOKENIZER.end_id = END
TASK = translation(TOKENIZER)


def pairs_of(count=12, longest=20, seed=0):
    rng = np.random.default_rng(seed)

    def sentence():
        return rng.integers(1, VOCAB, rng.integers(1, longest)).tolist()

    return [(sentence(), sentence()) for _ in range(count)]


def splits_of(pairs):
    """The `ExampleSplit` of pairs of token ids."""
    fields = {}
    for name, texts in zip(("source", "target"), zip(*pairs)):
        count = sum(len(text) + 1 for text in texts)
        figures = {"num_bytes": 5 * (count + 1), "num_words": count, "text_sha256": name[0] * 64}
        fields[name] = document_split(texts, **figures)
    return example_split(**fields)


@functools.cache
def build(name):
    model = build_model(name, vocab_size=VOCAB, seed=1, **TINY_PAIR_MODELS[name])
    for variable in model.trainable_variables:  # far from uniform, so that mistakes are seen
        if len(variable.shape) > 1:
            variable.assign(2 * variable)
    return model


def nll_of(model, source, target):
    """Nats of each token of a target and of its end token, the pair alone in its batch."""
    source_ids = tf.constant([[*source, END]])
    logits = model(tf.constant([[END, *target]]), source_ids=source_ids)
    log_probs = log_softmax(np.asarray(logits, np.float64)[0])
    return -log_probs[np.arange(len(target) + 1), [*target, END]]


@pytest.mark.parametrize("name", TINY_PAIR_MODELS)
def test_the_sum_is_that_of_single_pairs_whatever_the_batches(name):
    model, pairs = build(name), pairs_of()
    expected = sum(nll_of(model, *pair).sum() for pair in pairs)
    num_targets = sum(len(target) + 1 for _, target in pairs)
    progress = []
    for batch_size in (1, 5, 64):
        ledger = TASK.evaluate(
            model, splits_of(pairs), None, lambda *done: progress.append(done), batch_size
        )
        assert ledger.nll_nats == pytest.approx(expected, rel=1e-5)
        assert (ledger.tokens_scored, ledger.tokens_not_scored) == (num_targets, 0)
        assert ledger.context == {
            "rule": "source",
            "source_sha256": "s" * 64,
            "pairs": len(pairs),
            "pairs_not_scored": 0,
        }
        assert progress[-1] == (num_targets, num_targets)
        assert ledger.perplexity_per_word == pytest.approx(np.exp(expected / num_targets), rel=1e-4)
    assert ledger.parameters == model.count_params() and ledger.text_sha256 == "t" * 64
    assert Ledger.from_dict(ledger.to_dict()) == ledger


def test_pairs_that_are_too_long_are_counted_and_the_others_scored():
    model = build("encoder_decoder")  # reads 24 tokens and writes 32, end tokens included
    pairs = pairs_of(10)
    fits = [([3] * 23, [4] * 31)]
    too_long = [([5] * 24, [6]), ([7], [8] * 32)]
    whole = TASK.evaluate(model, splits_of(pairs + fits + too_long), batch_size=4)
    expected = sum(nll_of(model, *pair).sum() for pair in pairs + fits)
    assert whole.nll_nats == pytest.approx(expected, rel=1e-5)
    assert whole.tokens_not_scored == 2 + 33  # the end token before the first target is no target
    assert whole.why_not_scored == "2 pairs are too long for the model"
    assert whole.context["pairs"] == 11 and whole.context["pairs_not_scored"] == 2
    # Text that was not scored is in the counts of words and bytes.
    assert whole.perplexity_per_word is None and whole.bits_per_byte is None
    table = render_table(whole)
    assert "the whole source, 11 pairs (2 not scored)" in table and "sha256 ssss" in table
    with pytest.raises(UserError, match="at least one record"):
        TASK.evaluate(model, splits_of(too_long))


def test_parameters_that_are_not_finite_are_said():
    model = build.__wrapped__("recurrent_encoder_decoder")  # another than the other tests'
    model.trainable_variables[0].assign(np.nan * model.trainable_variables[0])
    with pytest.raises(UserError, match="loss of nan; use an earlier checkpoint"):
        TASK.evaluate(model, splits_of(pairs_of(3)))


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(UserError, match="translation needs a model that reads.*model gru_lm"):
        TASK.check_model_class("gru_lm", GRULM)
    other, model = translation(letters(VOCAB - 1)), build("recurrent_encoder_decoder")
    with pytest.raises(UserError, match="tokenizer: expected the model's 19 token ids"):
        other.evaluate(model, splits_of(pairs_of(3)))


def test_ledgers_of_pairs_are_compared_with_their_like_alone():
    context = {"rule": "source", "source_sha256": "s" * 64, "pairs": 50, "pairs_not_scored": 0}
    better = make_ledger(context=context, nll_nats=100.0)
    worse = make_ledger(context=context, nll_nats=200.0)
    rows = compare({"worse": worse, "better": better}).rows
    assert [row["name"] for row in rows] == ["better", "worse"]
    with pytest.raises(UserError, match="context differs.*the whole source.*carried state, 1"):
        compare({"pairs": better, "text": make_ledger()})
    other = dataclasses.replace(better, context={**context, "source_sha256": "o" * 64})
    with pytest.raises(UserError, match="source_sha256 differs.*'ssss.*'oooo"):
        compare({"a": better, "b": other})
