"""What a language model's predictions give in Python; the arguments are those of `PREDICTIONS`."""

import math

import numpy as np
import tensorflow as tf


def score(run, text, **options):
    """Returns `log_prob`, `num_tokens` and `perplexity` of each text."""
    return totals(run.score(text, **options))


def totals(scores):
    """Returns the outputs of `Score`s; the perplexity of no tokens is NaN."""
    return {
        "log_prob": [score.log_prob for score in scores],
        "num_tokens": [score.num_tokens for score in scores],
        "perplexity": [math.nan if s.perplexity is None else s.perplexity for s in scores],
    }


def token_logprobs(run, text, **options):
    """Returns the `tokens` of all texts as bytes, their `log_probs`, and `row_lengths`."""
    scores = run.score(text, **options)
    ids = [run.tokenizer.encode(one, options["special_tokens"]) for one in text]
    return by_token(run.tokenizer, scores, ids)


def by_token(tokenizer, scores, ids):
    """Returns the outputs of `Score`s whose tokens are `ids`, a list of ids for each."""
    surprisals = [surprisal for score in scores for _, surprisal in score.tokens]
    return {
        "tokens": [tokenizer.token_bytes(int(token)) for row in ids for token in row],
        "log_probs": [math.nan if value is None else -value for value in surprisals],
        "row_lengths": [len(row) for row in ids],
    }


def next_token(run, text, k, special_tokens):
    """Returns the `k` likeliest `tokens` after each text, as bytes, and their `log_probs`."""
    model, rows = run.model, []
    for one in text:
        ids = run.tokenizer.encode_prompt(one, special_tokens)[-(model.context_length or 0) :]
        logits = model(tf.constant([ids], tf.int32))[0, -1]
        log_probs = tf.nn.log_softmax(logits)[: model.vocab_size].numpy()
        best = np.argsort(-log_probs, kind="stable")[:k]
        tokens = [run.tokenizer.token_bytes(int(token)) for token in best]
        rows.append((tokens, log_probs[best]))
    return {"tokens": [tokens for tokens, _ in rows], "log_probs": [found for _, found in rows]}


def generate(run, prompt, **options):
    """Returns the `text` after each prompt, its `log_prob` and its `num_tokens`."""
    found = run.generate(prompt, **options)
    return {
        "text": [one.text for one in found],
        "log_prob": [one.log_prob for one in found],
        "num_tokens": [len(one.token_ids) for one in found],
    }


def embed(run, text, **options):
    """Returns the `vector` of each text, float32 `(texts, width)`."""
    return {"vector": run.embed(text, **options)}
