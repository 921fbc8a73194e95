"""Evaluation and scoring of the real models, against one pass over the whole text."""

import numpy as np
import pytest
import tensorflow as tf

from lm_zoo.evaluation.compare import compare
from lm_zoo.evaluation.scoring import score_texts
from lm_zoo.registry import build_model
from lm_zoo.text.tokenizers import TOKENIZERS
from tests.conformance.models import TINY
from tests.evaluation.measured import evaluate_split
from tests.generation.toy import log_softmax
from tests.small import token_split

TEXT = "the cat sat on the mat\nthe dog sat on the cat\n" * 4
CHARACTERS = TOKENIZERS["character"].train([TEXT])
MODELS = {
    "lstm_lm": TINY["lstm_lm"],
    "transformer_decoder": TINY["transformer_decoder"] | {"context_length": 200},
}


@pytest.fixture(scope="module", params=MODELS)
def model(request):
    model = build_model(request.param, vocab_size=CHARACTERS.vocab_size, **MODELS[request.param])
    for variable in model.trainable_variables:
        if len(variable.shape) > 1:
            variable.assign(3 * variable)
    return model


def split_of(tokenizer):
    figures = {"num_bytes": len(TEXT), "num_words": 56, "text_sha256": "a" * 64}
    return token_split(tokenizer.encode(TEXT), **figures)


def one_pass(model, tokens):
    log_probs = log_softmax(np.asarray(model(tf.constant(tokens[None, :-1])))[0])
    return -log_probs[np.arange(len(tokens) - 1), tokens[1:]]


def test_a_whole_text_at_once_and_piece_by_piece_are_the_same(model):
    tokens = CHARACTERS.encode(TEXT)
    expected = one_pass(model, tokens).sum()
    if model.context_length is None:
        ledger = evaluate_split(model, CHARACTERS, split_of(CHARACTERS), 1, 13)
    else:  # one window holds it all
        ledger = evaluate_split(model, CHARACTERS, split_of(CHARACTERS), 3, 200, 50)
    assert ledger.tokens_scored == len(tokens) - 1 == len(TEXT) - 1
    assert ledger.nll_nats == pytest.approx(expected, rel=1e-5)
    assert ledger.parameters == model.count_params()


def test_windows_stay_within_the_context(model):
    ledger = evaluate_split(model, CHARACTERS, split_of(CHARACTERS), 3, 16, 5, "windows")
    tokens = CHARACTERS.encode(TEXT)
    expected = one_pass(model, tokens[:17]).sum()
    for start in range(5, len(tokens) - 1 - 11, 5):  # each later window: targets 12 to 16
        expected += one_pass(model, tokens[start : start + 17])[11:].sum()
    assert ledger.nll_nats == pytest.approx(expected, rel=1e-5)


def test_scores_equal_one_text_at_a_time(model):
    texts = ["the cat", "", "m", "the dog sat on the cat\n" * 5, "mat\n"]
    start = CHARACTERS.encode("\n")
    for text, score in zip(texts, score_texts(model, CHARACTERS, texts, 3), strict=True):
        ids = CHARACTERS.encode(text)
        expected = one_pass(model, np.concatenate([start, ids])) if text else np.zeros(0)
        np.testing.assert_allclose([s for _, s in score.tokens], expected, atol=1e-4)
        assert score.log_prob == pytest.approx(-expected.sum(), rel=1e-5)


def test_runs_of_different_tokenizers_can_be_compared():
    ledgers = {}
    for name in ("character", "byte"):
        tokenizer = TOKENIZERS[name].train([TEXT])
        model = build_model("lstm_lm", vocab_size=tokenizer.vocab_size, hidden_dim=8)
        ledgers[name] = evaluate_split(model, tokenizer, split_of(tokenizer), 2, 16)
    comparison = compare(ledgers)
    # Untrained, the smaller vocabulary has less to choose from.
    assert [row["name"] for row in comparison.rows] == ["character", "byte"]
    assert comparison.rows[1]["bits_per_byte"] == pytest.approx(8, abs=0.1)
