"""Scores of texts given their sources, against numpy, one pair at a time."""

import numpy as np
import pytest

from lm_zoo.errors import UserError
from lm_zoo.evaluation.scoring import score_texts
from lm_zoo.registry import build_model
from lm_zoo.tasks.translation.scoring import score_pairs
from tests.conformance.models import TINY_PAIR_MODELS
from tests.evaluation.test_pair_perplexity import (
    END,
    TASK,
    TOKENIZER,
    VOCAB,
    build,
    nll_of,
    pairs_of,
    splits_of,
)

PAIRS = [*pairs_of(5), ([3, 1], []), ([], [4, 4, 2])]


def texts_of(pairs):
    """`(sources, targets)`, two lists of strings."""
    return [[TOKENIZER.decode(ids) for ids in side] for side in zip(*pairs)]


@pytest.mark.parametrize("name", TINY_PAIR_MODELS)
def test_scores_are_those_of_single_pairs_whatever_the_batches(name):
    model, (sources, targets) = build(name), texts_of(PAIRS)
    for batch_size in (1, 3, 50):
        scores = score_pairs(model, TOKENIZER, TOKENIZER, sources, targets, batch_size)
        for (source, target), text, score in zip(PAIRS, targets, scores, strict=True):
            expected = nll_of(model, source, target)
            assert score.log_prob == pytest.approx(-expected.sum(), rel=1e-5)
            pieces, surprisals = zip(*score.tokens)
            np.testing.assert_allclose(surprisals, expected, atol=1e-4)
            assert pieces == (*text, TOKENIZER.token_text(END))  # letters, and the end
            assert (score.num_tokens, score.tokens_not_scored) == (len(target) + 1, 0)
            assert score.perplexity == pytest.approx(np.exp(expected.mean()), rel=1e-4)
            assert score.num_bytes == len(text) and score.context == "the source, then after a"


def test_they_add_up_to_the_ledger():
    model, pairs = build("encoder_decoder"), pairs_of(8, seed=2)
    scores = score_pairs(model, TOKENIZER, TOKENIZER, *texts_of(pairs))
    ledger = TASK.evaluate(model, splits_of(pairs))
    assert -sum(score.log_prob for score in scores) == pytest.approx(ledger.nll_nats, rel=1e-6)
    assert sum(score.num_tokens for score in scores) == ledger.tokens_scored


def test_another_source_gives_another_score():
    model, ((source, target), (other, _)) = build("encoder_decoder"), pairs_of(2)
    sources, targets = texts_of([(source, target), (other, target)])
    one, two = score_pairs(model, TOKENIZER, TOKENIZER, sources, targets)
    assert abs(one.log_prob - two.log_prob) > 0.01


@pytest.mark.parametrize(
    "sources, texts, message",
    [
        (["b"] * 2, ["c"], "sources: expected one for each of 1 texts, received 2"),
        ("b", ["c"], "sources: expected a list of strings"),
        (["b", "b" * 24], ["c"] * 2, r"sources: .*most 24 .*received 25 in number 2"),
        (["b"], ["c" * 32], r"texts: .*most 32 .*context_length.*received 33 in number 1"),
    ],
)
def test_what_cannot_be_scored_is_refused(sources, texts, message):
    with pytest.raises(UserError, match=message):
        score_pairs(build("encoder_decoder"), TOKENIZER, TOKENIZER, sources, texts)


def test_each_kind_of_model_wants_its_own_texts():
    language_model = build_model("gru_lm", vocab_size=VOCAB, hidden_dim=8)
    with pytest.raises(UserError, match="model: expected one that reads a source.*received GRULM"):
        score_pairs(language_model, TOKENIZER, TOKENIZER, ["b"], ["c"])
    with pytest.raises(
        UserError, match="model: expected a language model, received Recurrent.*with their sources"
    ):
        score_texts(build("recurrent_encoder_decoder"), TOKENIZER, ["c"])
