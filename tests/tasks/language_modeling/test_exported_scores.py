"""Scores inside a graph: the numbers of the Python side, which were tested against closed forms."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from lm_zoo.evaluation.embedding import embed_texts
from lm_zoo.evaluation.scoring import score_texts
from lm_zoo.export.in_graph import text_scores, windowed_forward
from lm_zoo.export.in_graph.traced_model import TracedModel
from lm_zoo.export.stored_weights import StoredWeights
from lm_zoo.registry import build_model
from lm_zoo.tasks.language_modeling.exported_scores import InGraphScorer
from lm_zoo.text.in_graph import module_of
from lm_zoo.text.tokenizers import TOKENIZERS

TEXT = "the cat sat on the mat\nthe dog sat on the cat \u20ac\n" * 2
TEXTS = ["the cat", "", TEXT, "t", TEXT[:17], TEXT[:16], TEXT[:15], "dog \u20ac\n"]
SMALL = {
    "lstm_lm": dict(hidden_dim=12, num_layers=1),
    "transformer_decoder": dict(hidden_dim=12, num_layers=1, num_heads=2, context_length=16),
}


class Functions:
    """A model, its tokenizer, and a scorer's functions of strings, each traced once.

    Args:
        name: Of the model.
        start: How many tokens stand before a text: whether the tokenizer knows a newline.
    """

    def __init__(self, name, start):
        self.tokenizer = TOKENIZERS["character"].train([TEXT if start else TEXT.split("\n")[0]])
        assert len(self.tokenizer.start_ids) == start
        size = self.tokenizer.vocab_size
        self.model = build_model(name, vocab_size=size, seed=1, **SMALL[name])
        for weight in self.model.trainable_variables:
            if len(weight.shape) > 1:
                weight.assign(8 * weight)  # large enough that its choices are not all alike
        self.module = module_of(self.tokenizer)
        self.traced = TracedModel(self.model, StoredWeights(self.model))
        self.scorer = InGraphScorer(self.traced, self.tokenizer.start_ids)
        self.compiled = functools.cache(self.compile)

    def compile(self, name, *specs):
        @tf.function(input_signature=[tf.TensorSpec((None,), tf.string), *specs], autograph=False)
        def run(texts, *arguments):
            with self.traced.widened():
                return getattr(self.scorer, name)(self.module.tokenize(texts), *arguments)

        return run

    def __call__(self, name, texts, *arguments):
        specs = [tf.TensorSpec(None, tf.int32) for _ in arguments]
        return self.compiled(name, *specs)(tf.constant(texts, tf.string), *arguments)


made = functools.cache(Functions)


@pytest.fixture(params=sorted(SMALL))
def functions(request):
    return made(request.param, 1)


@pytest.fixture(params=sorted(SMALL))
def without_start(request):
    return made(request.param, 0)


def check_scores(functions):
    model, tokenizer = functions.model, functions.tokenizer
    expected = score_texts(model, tokenizer, TEXTS)
    found = functions("score", TEXTS)
    assert found["num_tokens"].numpy().tolist() == [score.num_tokens for score in expected]
    np.testing.assert_allclose(found["log_prob"], [s.log_prob for s in expected], rtol=1e-5)
    perplexities = [np.nan if s.perplexity is None else s.perplexity for s in expected]
    np.testing.assert_allclose(found["perplexity"], perplexities, rtol=1e-4)
    nll = [nll for score in expected for _, nll in score.tokens]
    surprisals = [np.nan if n is None else n for n in nll]
    found = -functions("token_log_probs", TEXTS).numpy()
    np.testing.assert_allclose(found, surprisals, rtol=1e-4, atol=1e-5)
    vectors = embed_texts(model, tokenizer, TEXTS)
    np.testing.assert_allclose(functions("embed", TEXTS), vectors, atol=1e-5)


def test_scores_and_vectors_are_those_of_python(functions):
    check_scores(functions)


def test_without_a_start_the_first_token_is_not_scored(without_start):
    check_scores(without_start)
    assert np.isnan(without_start("token_log_probs", ["cat"])).tolist() == [True, False, False]


def test_memory_is_bounded_without_a_change_of_the_numbers(functions, monkeypatch):
    whole = functions("token_log_probs", TEXTS)
    sizes = []
    monkeypatch.setattr(windowed_forward, "MAX_TOKENS", 40)
    monkeypatch.setattr(windowed_forward, "MIN_ROWS", 2)
    monkeypatch.setattr(windowed_forward, "MAX_LOGITS", 14 * functions.tokenizer.vocab_size)
    monkeypatch.setattr(windowed_forward, "MAX_CHUNK_TOKENS", 10)
    logits = functions.traced.logits

    def watched(features):
        rows, length, _ = tf.unstack(tf.shape(features))
        tf.py_function(lambda count: sizes.append(int(count)), [rows * length], [])
        return logits(features)

    monkeypatch.setattr(functions.traced, "logits", watched)
    found = functions.compile("token_log_probs")(tf.constant(TEXTS))
    np.testing.assert_allclose(found, whole, atol=1e-5)
    assert 10 <= max(sizes) <= 20 and len(sizes) > 10


@pytest.mark.parametrize("texts", [[], [""], ["", ""]])
def test_a_batch_without_texts_or_of_empty_ones(functions, texts):
    found = functions("score", texts)
    assert found["log_prob"].numpy().tolist() == [0.0] * len(texts)
    assert found["num_tokens"].numpy().tolist() == [0] * len(texts)
    assert np.isnan(found["perplexity"]).all()
    assert functions("token_log_probs", texts).shape == (0,)
    assert functions("embed", texts).numpy().tolist() == [[0.0] * 12] * len(texts)


def test_the_next_tokens_are_those_of_the_text_read_anew(functions):
    model, texts = functions.model, ["the cat", "", TEXT, "t"]
    tokens, log_probs = functions("next_token", texts, tf.constant(3))
    assert tokens.shape == (4, 3)
    for row, text in enumerate(texts):
        ids = functions.tokenizer.encode(text) if text else functions.tokenizer.start_ids
        ids = ids[-(model.context_length or 0) :]
        expected, best = tf.math.top_k(tf.nn.log_softmax(model(ids[None])[0, -1]), 3)
        assert tokens[row].numpy().tolist() == best.numpy().tolist()
        np.testing.assert_allclose(log_probs[row], expected, atol=1e-4)


def test_the_next_tokens_are_those_after_a_start_token_too(functions, monkeypatch):
    monkeypatch.setattr(functions.scorer, "starts_prompts", True)
    model, texts = functions.model, ["the cat", "", TEXT]
    next_token = functions.compile("next_token", tf.TensorSpec(None, tf.int32))
    _, log_probs = next_token(tf.constant(texts), 3)
    for row, text in enumerate(texts):
        ids = np.concatenate([functions.tokenizer.start_ids, functions.tokenizer.encode(text)])
        ids = ids[-(model.context_length or 0) :]
        expected, _ = tf.math.top_k(tf.nn.log_softmax(model(ids[None])[0, -1]), 3)
        np.testing.assert_allclose(log_probs[row], expected, atol=1e-4)


def test_what_cannot_be_asked_for_next(without_start):
    for k in (0, -1, without_start.tokenizer.vocab_size + 1):
        with pytest.raises(tf.errors.InvalidArgumentError, match="k: expected .* from 1 to"):
            without_start("next_token", ["the"], tf.constant(k))
    with pytest.raises(tf.errors.InvalidArgumentError, match="text: expected .* received none"):
        without_start("next_token", ["the", ""], tf.constant(1))


@pytest.mark.parametrize("most_logits", [2**26, 6 * 20 * 3])
def test_ids_are_scored_under_xla(functions, most_logits, monkeypatch):
    monkeypatch.setattr(text_scores, "MAX_LOGITS", most_logits)
    rng = np.random.default_rng(0)
    size = functions.tokenizer.vocab_size
    ids = tf.constant(rng.integers(0, size, (3, 12)), tf.int32)
    lengths = tf.constant([12, 1, 7])

    def score_ids(ids, lengths):
        with functions.traced.widened():
            return functions.scorer.score_ids(ids, lengths)

    found = tf.function(score_ids, jit_compile=True, autograph=False)(ids, lengths)
    log_probs = tf.nn.log_softmax(functions.model(ids[:, :-1]))
    expected = tf.gather(log_probs, ids[:, 1:], batch_dims=2).numpy()
    expected[np.arange(1, 12) >= lengths.numpy()[:, None]] = 0
    np.testing.assert_allclose(found, expected, atol=1e-4)
