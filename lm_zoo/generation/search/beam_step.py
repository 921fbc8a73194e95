"""One step of beam search as tensor functions: beams are continued, those that end are ranked."""

import tensorflow as tf

from lm_zoo.generation.search.beams import (
    NO_SCORE,
    NOTHING,
    Beams,
    Candidates,
    Hypotheses,
)

MIN_COVERAGE = 1e-10  # of a source token: its logarithm stays finite


def continuations(step, settings, index, active, prompts, beams):
    """Reads a token of each beam.

    Args:
        step: Called as `step(memory, state, tokens, active)` with the last token of each beam,
            int32 `(batch * num_beams,)`, and which beams are in use, bool of that shape; returns a
            `Reading`. Its `vocab_size` is the number of tokens, a Python int.
        settings: `Settings`.
        index: How many tokens the beams have, int32 scalar.
        active: Prompts that are not done, bool `(batch,)`.
        prompts: `Prompts`.
        beams: `Beams`.

    Returns:
        `(candidates, state, coverage)`: `2 * num_beams` candidates, so that enough remain when
        some of them end, and the parents' state and coverage after the step.
    """
    batch_size, num_beams = tf.shape(beams.log_probs)[0], settings.num_beams
    place = tf.maximum(index - 1, 0)
    last = tf.where(index > 0, beams.tokens[:, :, place], prompts.last_tokens[:, None])
    last = tf.reshape(tf.maximum(last, 0), [-1])  # a beam that is not in use has no tokens
    in_use = tf.reshape(active[:, None] & (beams.log_probs > NO_SCORE), [-1])
    logits, ranking, state, attention = step(prompts.memory, beams.state, last, in_use)
    coverage = ()
    if not _is_absent(settings.coverage_penalty):
        coverage = beams.coverage + tf.reshape(attention, tf.shape(beams.coverage))
    # The best of all are among the best of each beam.
    per_beam = tf.minimum(2 * num_beams, step.vocab_size)
    values, tokens = tf.math.top_k(ranking[:, : step.vocab_size], per_beam)  # (B * K, C)
    log_probs = _continued(beams.log_probs, values, ranking)
    # A NaN would be ranked anywhere: first, it cannot be missed.
    log_probs = tf.where(tf.math.is_nan(log_probs), -NO_SCORE, log_probs)
    log_probs, places = tf.math.top_k(log_probs, tf.minimum(2 * num_beams, num_beams * per_beam))
    own_log_probs = beams.own_log_probs
    if not _is_absent(own_log_probs):
        own_log_probs = _continued(own_log_probs, tf.gather(logits, tokens, batch_dims=1), logits)
        own_log_probs = tf.gather(own_log_probs, places, batch_dims=1)
    parents = places // per_beam
    tokens = tf.gather(tf.reshape(tokens, [batch_size, -1]), places, batch_dims=1)  # (B, 2 K)
    texts = tf.gather(beams.tokens, parents, batch_dims=1)  # (B, 2 K, T)
    texts = tf.where(tf.range(tf.shape(texts)[2]) == index, tokens[..., None], texts)
    return Candidates(parents, texts, tokens, log_probs, own_log_probs), state, coverage


def _continued(log_probs, values, logits):
    """Adds to the log-probability of each beam that of each token whose logit is given.

    Args:
        log_probs: float64 `(batch, num_beams)`.
        values: Logits of tokens, `(batch * num_beams, number)`.
        logits: All logits, `(batch * num_beams, num_rows)`.

    Returns:
        float64 `(batch, num_beams * number)`.
    """
    # The largest logit is taken off first: a float32 has few digits left for a difference.
    largest = tf.reduce_max(logits, -1, keepdims=True)
    log_sums = tf.math.log(tf.reduce_sum(tf.exp(logits - largest), -1, keepdims=True))
    added = tf.cast(values - largest - log_sums, tf.float64)
    added = tf.reshape(added, tf.concat([tf.shape(log_probs), tf.shape(values)[1:]], 0))
    return tf.reshape(added + log_probs[..., None], [tf.shape(log_probs)[0], -1])


def ended_scores(settings, index, candidates, coverage, source_lengths):
    """Returns the ranking scores of candidates if they end.

    Args:
        settings: `Settings`.
        index: How many tokens came before the last one, int32 scalar.
        candidates: `Candidates`.
        coverage: Attention that each source token received so far in each beam, float32 `(batch,
            num_beams, source_length)`, or `()`.
        source_lengths: Tokens of each prompt's source, int32 `(batch,)`.

    Returns:
        float64 `(batch, candidates)`.
    """
    length = tf.cast(index + 1, tf.float64)
    scores = candidates.log_probs / length**settings.length_penalty
    if _is_absent(settings.coverage_penalty):
        return scores
    attention = tf.gather(coverage, candidates.parents, batch_dims=1)  # (B, 2 K, S)
    covered = tf.math.log(tf.clip_by_value(attention, MIN_COVERAGE, 1.0))
    is_there = tf.range(tf.shape(covered)[2]) < source_lengths[:, None, None]
    covered = tf.reduce_sum(tf.where(is_there, covered, 0.0), -1)
    return scores + settings.coverage_penalty * tf.cast(covered, tf.float64)


def best_ended(ended, candidates, scores, settings, index):
    """Ranks candidates among the texts that have ended.

    Args:
        ended: `Hypotheses`, with scores and log-probabilities in float64.
        candidates: `Candidates`.
        scores: What they are ranked by, float64 `(batch, candidates)`; minus infinity for those
            that do not end.
        settings: `Settings`.
        index: How many tokens came before the last one, int32 scalar.

    Returns:
        `Hypotheses`, as many as `ended`.
    """
    has_end = candidates.last_tokens == settings.end_id
    is_ranked_by_own = _is_absent(candidates.own_log_probs)
    new = Hypotheses(
        candidates.tokens,
        index + 1 - tf.cast(has_end, tf.int32),
        scores,
        candidates.log_probs if is_ranked_by_own else candidates.own_log_probs,
    )
    both = tf.nest.map_structure(lambda a, b: tf.concat([a, b], 1), ended, new)
    _, best = tf.math.top_k(both.scores, tf.shape(ended.scores)[1])
    kept = tf.nest.map_structure(lambda t: tf.gather(t, best, batch_dims=1), both)
    is_there = kept.scores > NO_SCORE
    return Hypotheses(
        tf.where(is_there[..., None], kept.tokens, NOTHING),
        tf.where(is_there, kept.lengths, 0),
        kept.scores,
        tf.where(is_there, kept.log_probs, NO_SCORE),
    )


def best_going_on(settings, candidates, state, coverage, ends):
    """Returns the `Beams` of the best candidates that do not end.

    Args:
        settings: `Settings`.
        candidates: `Candidates`.
        state: The parents' state after the step.
        coverage: The parents' coverage after the step, float32 `(batch, num_beams,
            source_length)`, or `()`.
        ends: Candidates that end, bool `(batch, candidates)`.
    """
    batch_size, num_beams = tf.shape(ends)[0], settings.num_beams
    log_probs = tf.where(ends, NO_SCORE, candidates.log_probs)
    log_probs, chosen = tf.math.top_k(log_probs, num_beams)  # (B, K)
    parents = tf.gather(candidates.parents, chosen, batch_dims=1)
    rows = tf.reshape(parents + num_beams * tf.range(batch_size)[:, None], [-1])
    return Beams(
        state=tf.nest.map_structure(lambda t: tf.gather(t, rows), state),
        tokens=tf.gather(candidates.tokens, chosen, batch_dims=1),
        log_probs=log_probs,
        own_log_probs=tf.nest.map_structure(
            lambda t: tf.gather(t, chosen, batch_dims=1), candidates.own_log_probs
        ),
        coverage=tf.nest.map_structure(lambda t: tf.gather(t, parents, batch_dims=1), coverage),
    )


def cannot_improve(settings, index, longest, beams, ended):
    """Whether no beam can still change a prompt's hypotheses.

    Args:
        settings: `Settings`.
        index: How many tokens came before the beams' last one, int32 scalar.
        longest: Maximum tokens of each prompt's texts, including the end token, int32 `(batch,)`.
        beams: `Beams`.
        ended: `Hypotheses`, with scores in float64.

    Returns:
        bool `(batch,)`.
    """
    worst = tf.reduce_min(ended.scores, 1)
    # A longer text can only be divided by more, and coverage only takes away.
    length = tf.where(settings.length_penalty > 0, longest, index + 1)
    attainable = tf.reduce_max(beams.log_probs, 1)
    attainable /= tf.cast(length, tf.float64) ** settings.length_penalty
    is_enough = (attainable <= worst) | (settings.num_beams == 1)
    return (attainable == NO_SCORE) | ((worst > NO_SCORE) & is_enough)


def _is_absent(part):
    return isinstance(part, tuple)
