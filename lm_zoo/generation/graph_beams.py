"""One step of beam search in a graph: beams are continued, those that end are ranked."""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

NOTHING = -1  # in the place of tokens that a hypothesis does not have
LOWEST = np.float64(-np.inf)  # the score of what is not there
LEAST_COVERAGE = 1e-10  # of a source token: its logarithm stays finite


class Hypotheses(NamedTuple):
    """The best target texts of each source, best first.

    There may be fewer than asked for, where so many texts do not exist; the rest are of length 0
    with scores of minus infinity.

    Attributes:
        tokens: With the end token, where the text has one, and then -1: int32 `(batch,
            num_return_sequences, length)`.
        lengths: How many tokens there are before the end token, int32 `(batch,
            num_return_sequences)`.
        scores: What they are ranked by, float32 `(batch, num_return_sequences)`; NaN for a source
            after which the model gave something else than probabilities.
        log_probs: The model's log-probability of all tokens, the end token's included, in nats,
            float32 `(batch, num_return_sequences)`.
    """

    tokens: tf.Tensor
    lengths: tf.Tensor
    scores: tf.Tensor
    log_probs: tf.Tensor


class Settings(NamedTuple):
    """What is the same for all sources.

    Attributes:
        end_id: The token that begins and ends each text.
        num_beams: int32 scalar.
        length_penalty: float64 scalar.
        coverage_penalty: float64 scalar, or None.
    """

    end_id: Any
    num_beams: tf.Tensor
    length_penalty: tf.Tensor
    coverage_penalty: Any


class Sources(NamedTuple):
    """What has been read.

    Attributes:
        memory: From the model's `encode`.
        lengths: int32 `(batch,)`.
        longest: The most tokens of each source's texts, their end token included, int32 `(batch,)`.
    """

    memory: Any
    lengths: tf.Tensor
    longest: tf.Tensor


class Beams(NamedTuple):
    """The texts that grow after each source.

    Attributes:
        state: The model's state without the memory, `batch * num_beams` rows.
        tokens: int32 `(batch, num_beams, length)`.
        log_probs: float64 `(batch, num_beams)`; minus infinity for a beam that is not in use.
        coverage: The attention that each source token has had, float32 `(batch, num_beams,
            source_length)`, or `()`.
    """

    state: Any
    tokens: tf.Tensor
    log_probs: tf.Tensor
    coverage: Any


class Candidates(NamedTuple):
    """Continuations of each source's beams, best first.

    Attributes:
        parents: Which beam each goes on from, int32 `(batch, candidates)`.
        tokens: All of its tokens, int32 `(batch, candidates, length)`.
        last_tokens: The last of them, int32 `(batch, candidates)`.
        log_probs: Of all of them, float64 `(batch, candidates)`.
    """

    parents: tf.Tensor
    tokens: tf.Tensor
    last_tokens: tf.Tensor
    log_probs: tf.Tensor


def continuations(model, memory, settings, index, beams):
    """Reads a token of each beam.

    Args:
        model: A `SequenceToSequenceModel`.
        memory: That of the `Sources`.
        settings: `Settings`.
        index: How many tokens the beams have, int32 scalar.
        beams: `Beams`.

    Returns:
        `(candidates, state, coverage)`: `2 * num_beams` candidates, and the parents' state and
        coverage after the step.
    """
    batch_size, num_beams = tf.shape(beams.log_probs)[0], settings.num_beams
    place = tf.maximum(index - 1, 0)
    last = tf.where(index > 0, beams.tokens[:, :, place], settings.end_id)
    last = tf.reshape(tf.maximum(last, 0), [-1, 1])  # a beam that is not in use has no tokens
    state, coverage = (*beams.state, memory), ()
    if settings.coverage_penalty is None:
        features, state = model.features(last, state)
    else:
        features, state, weights = model.features_and_attention(last, state)
        coverage = beams.coverage + tf.reshape(weights, tf.shape(beams.coverage))
    logits = model.logits(features)[:, 0]  # (B * K, num_rows)
    # The best of all are among the best of each beam.
    per_beam = tf.minimum(2 * num_beams, model.vocab_size)
    values, tokens = tf.math.top_k(logits[:, : model.vocab_size], per_beam)  # (B * K, C)
    log_probs = tf.cast(values - tf.reduce_logsumexp(logits, -1, keepdims=True), tf.float64)
    log_probs = tf.reshape(log_probs, [batch_size, num_beams, per_beam])
    log_probs = tf.reshape(log_probs + beams.log_probs[..., None], [batch_size, -1])
    # A NaN would be ranked anywhere: first, it cannot be missed.
    log_probs = tf.where(tf.math.is_nan(log_probs), -LOWEST, log_probs)
    log_probs, places = tf.math.top_k(log_probs, tf.minimum(2 * num_beams, num_beams * per_beam))
    parents = places // per_beam
    tokens = tf.gather(tf.reshape(tokens, [batch_size, -1]), places, batch_dims=1)  # (B, 2 K)
    texts = tf.gather(beams.tokens, parents, batch_dims=1)  # (B, 2 K, T)
    texts = tf.where(tf.range(tf.shape(texts)[2]) == index, tokens[..., None], texts)
    return Candidates(parents, texts, tokens, log_probs), state[:-1], coverage


def ended_scores(settings, index, candidates, coverage, source_lengths):
    """What candidates are ranked by if they end, float64 `(batch, candidates)`."""
    length = tf.cast(index + 1, tf.float64)
    scores = candidates.log_probs / length**settings.length_penalty
    if settings.coverage_penalty is None:
        return scores
    attention = tf.gather(coverage, candidates.parents, batch_dims=1)  # (B, 2 K, S)
    covered = tf.math.log(tf.clip_by_value(attention, LEAST_COVERAGE, 1.0))
    is_there = tf.range(tf.shape(covered)[2]) < source_lengths[:, None, None]
    covered = tf.reduce_sum(tf.where(is_there, covered, 0.0), -1)
    return scores + settings.coverage_penalty * tf.cast(covered, tf.float64)


def best_ended(ended, candidates, scores, settings, index):
    """Returns the best of `ended` and of the candidates, whose scores are given."""
    has_end = candidates.last_tokens == settings.end_id
    new = Hypotheses(
        candidates.tokens,
        index + 1 - tf.cast(has_end, tf.int32),
        scores,
        candidates.log_probs,
    )
    both = tf.nest.map_structure(lambda a, b: tf.concat([a, b], 1), ended, new)
    _, best = tf.math.top_k(both.scores, tf.shape(ended.scores)[1])
    kept = tf.nest.map_structure(lambda t: tf.gather(t, best, batch_dims=1), both)
    is_there = kept.scores > LOWEST
    return Hypotheses(
        tf.where(is_there[..., None], kept.tokens, NOTHING),
        tf.where(is_there, kept.lengths, 0),
        kept.scores,
        tf.where(is_there, kept.log_probs, LOWEST),
    )


def best_going_on(settings, candidates, state, coverage, ends):
    """Returns the `Beams` of the best candidates that do not end."""
    batch_size, num_beams = tf.shape(ends)[0], settings.num_beams
    log_probs = tf.where(ends, LOWEST, candidates.log_probs)
    log_probs, chosen = tf.math.top_k(log_probs, num_beams)  # (B, K)
    parents = tf.gather(candidates.parents, chosen, batch_dims=1)
    rows = tf.reshape(parents + num_beams * tf.range(batch_size)[:, None], [-1])
    return Beams(
        state=tf.nest.map_structure(lambda t: tf.gather(t, rows), state),
        tokens=tf.gather(candidates.tokens, chosen, batch_dims=1),
        log_probs=log_probs,
        coverage=tf.nest.map_structure(lambda t: tf.gather(t, parents, batch_dims=1), coverage),
    )


def cannot_improve(settings, index, longest, beams, ended):
    """Whether no beam can still change a source's hypotheses, bool `(batch,)`."""
    worst = tf.reduce_min(ended.scores, 1)
    # A longer text can only be divided by more, and coverage only takes away.
    length = tf.where(settings.length_penalty > 0, longest, index + 1)
    attainable = tf.reduce_max(beams.log_probs, 1)
    attainable /= tf.cast(length, tf.float64) ** settings.length_penalty
    is_enough = (attainable <= worst) | (settings.num_beams == 1)
    return (attainable == LOWEST) | ((worst > LOWEST) & is_enough)
