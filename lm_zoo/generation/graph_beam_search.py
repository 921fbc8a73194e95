"""Beam search for models that read a source, wholly inside a graph: for Python and SavedModels."""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from lm_zoo.layers.key_value_cache import written_in_place

NOTHING = -1  # in the place of tokens that a hypothesis does not have
LOWEST = np.float64(-np.inf)  # the score of what is not there
LEAST_COVERAGE = 1e-10  # of a source token: its logarithm stays finite


class Hypotheses(NamedTuple):
    """The best target texts of each source, best first.

    There may be fewer than asked for, where so many texts do not exist; the rest are of length 0
    with scores of minus infinity.

    Attributes:
        tokens: With the end token, where the text has one, and then -1: int32 `(batch, num_best,
            length)`.
        lengths: How many tokens there are before the end token, int32 `(batch, num_best)`.
        scores: What they are ranked by, float32 `(batch, num_best)`; NaN for a source after which
            the model gave something else than probabilities.
        log_probs: The model's log-probability of all tokens, the end token's included, in nats,
            float32 `(batch, num_best)`.
    """

    tokens: tf.Tensor
    lengths: tf.Tensor
    scores: tf.Tensor
    log_probs: tf.Tensor


class Settings(NamedTuple):
    """What is the same for all sources.

    Attributes:
        end_id: The token that begins and ends each text.
        beam_size: int32 scalar.
        length_penalty: float64 scalar.
        coverage_penalty: float64 scalar, or None.
    """

    end_id: Any
    beam_size: tf.Tensor
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
    """The texts that grow; `batch` sources that have them.

    Attributes:
        state: The model's state without the memory, `batch * beam_size` rows.
        tokens: int32 `(batch, beam_size, length)`.
        log_probs: float64 `(batch, beam_size)`; minus infinity for a beam that is not in use.
        coverage: The attention that each source token has had, float32 `(batch, beam_size,
            source_length)`, or `()`.
    """

    state: Any
    tokens: tf.Tensor
    log_probs: tf.Tensor
    coverage: Any


def automatic_length(source_lengths):
    """The most tokens of a target where none is asked for: twice the source's and 20 more."""
    return 2 * source_lengths + 20


def longest_targets(model, source_lengths, max_length):
    """The most tokens of each source's target, its end token included.

    Args:
        model: A `SequenceToSequenceModel`.
        source_lengths: int32 `(batch,)`.
        max_length: int32, a scalar or `(batch,)`; 0 means `automatic_length`.

    Returns:
        int32 `(batch,)`: no more than the model can read after the end token that a target begins
        with.
    """
    asked = tf.broadcast_to(tf.cast(max_length, tf.int32), tf.shape(source_lengths))
    longest = tf.where(asked > 0, asked, automatic_length(source_lengths))
    if model.context_length is None:
        return longest
    return tf.minimum(longest, max(model.context_length - 1, 1))


def beam_search(
    model,
    source_ids,
    source_lengths,
    end_id,
    beam_size,
    max_length=0,
    length_penalty=1.0,
    coverage_penalty=None,
    num_best=None,
):
    """Finds the best target texts of sources.

    It ranks as `lm_zoo.generation.beam_search` does: the score of a text that has ended is its
    log-probability divided by its number of tokens, the end token included, to the power of
    `length_penalty`, plus `coverage_penalty` times the sum over source tokens of `log(min(a, 1))`,
    where `a` is all attention that the token has had (Wu et al. 2016). While texts grow they are
    ranked by log-probability alone. At each step the best `2 * beam_size` continuations of the
    beams are looked at: those of the best `beam_size` that end (by the end token, or as they reach
    their greatest length) are kept as ended, and the best `beam_size` others go on. The search of a
    source stops as soon as no beam can still change its `num_best` texts: so these are the same
    whatever `num_best` is.

    With one beam the first end token ends the search: it is greedy decoding.

    Sources do not change each other's texts, beyond the last bits of floating-point sums.

    Args:
        model: A built `SequenceToSequenceModel`.
        source_ids: int32 `(batch, source_length)`, each with its end token, padded on the right.
        source_lengths: int32 `(batch,)`.
        end_id: The target token that begins and ends each text; an int or int32 scalar.
        beam_size: An int or int32 scalar of at least 1.
        max_length: The most tokens of a text, its end token included: an int, or int32, a scalar or
            one for each source; 0 means `automatic_length`. Never more than `context_length - 1`.
        length_penalty: A float or scalar.
        coverage_penalty: A float or scalar; None or the number 0 keeps no account of attention,
            and costs nothing.
        num_best: How many texts of each source to give, an int or int32 scalar of at most
            `beam_size`; None means `beam_size`. Fewer may take fewer steps.

    Returns:
        `Hypotheses`.
    """
    has_coverage = coverage_penalty is not None and not (
        isinstance(coverage_penalty, (int, float)) and coverage_penalty == 0
    )
    settings = Settings(
        end_id=end_id,
        beam_size=tf.cast(beam_size, tf.int32),
        length_penalty=tf.cast(length_penalty, tf.float64),
        coverage_penalty=tf.cast(coverage_penalty, tf.float64) if has_coverage else None,
    )
    source_lengths = tf.cast(source_lengths, tf.int32)
    sources = Sources(
        memory=model.encode(source_ids, source_lengths),
        lengths=source_lengths,
        longest=longest_targets(model, source_lengths, max_length),
    )
    most_steps = tf.reduce_max(tf.concat([sources.longest, [0]], 0))
    num_best = settings.beam_size if num_best is None else tf.cast(num_best, tf.int32)
    found = _no_hypotheses(tf.shape(source_ids)[0], num_best, most_steps)
    growing = _Growing(
        rows=tf.range(tf.shape(source_ids)[0]),
        active=tf.fill(tf.shape(source_ids)[:1], True),
        sources=sources,
        beams=_first_beams(model, settings, sources, most_steps, tf.shape(source_ids)[1]),
        ended=found,
    )
    shapes = tf.nest.map_structure(lambda t: tf.TensorShape([None, *t.shape[1:]]), growing)

    def going_on(index, growing, most_done):
        num_active = tf.reduce_sum(tf.cast(growing.active, tf.int32))
        num_done = tf.size(growing.rows) - num_active
        return (index < most_steps) & (num_active > 0) & (num_done <= most_done)

    def step(index, growing):
        growing = _step(model, settings, index, growing)
        return index + 1, tf.nest.map_structure(tf.ensure_shape, growing, shapes)

    def until_half_are_done(index, growing, found):
        most_done = tf.size(growing.rows) // 2
        index, growing = tf.while_loop(
            lambda index, growing: going_on(index, growing, most_done),
            step,
            (index, growing),
            shape_invariants=(tf.TensorShape(()), shapes),
        )
        places = growing.rows[:, None]
        found = tf.nest.map_structure(
            lambda all_rows, rows: tf.tensor_scatter_nd_update(all_rows, places, rows),
            found,
            growing.ended,
        )
        return index, _active_alone(settings, growing), found

    with written_in_place():
        *_, found = tf.while_loop(
            lambda index, growing, _: going_on(index, growing, tf.int32.max),
            until_half_are_done,
            (tf.constant(0), growing, found),
            shape_invariants=(
                tf.TensorShape(()),
                shapes,
                tf.nest.map_structure(lambda t: t.shape, found),
            ),
        )
    return Hypotheses(found.tokens, found.lengths, _number(found.scores), _number(found.log_probs))


class _Growing(NamedTuple):
    """Sources whose texts grow, some of which may be done.

    Attributes:
        rows: Which of all sources each is, int32 `(batch,)`.
        active: Which are not done, bool `(batch,)`.
        sources: `Sources`.
        beams: `Beams`.
        ended: `Hypotheses`, with scores and log-probabilities in float64.
    """

    rows: tf.Tensor
    active: tf.Tensor
    sources: Sources
    beams: Beams
    ended: Hypotheses


def _no_hypotheses(batch_size, num_best, length):
    lowest = tf.fill([batch_size, num_best], LOWEST)
    return Hypotheses(
        tokens=tf.fill([batch_size, num_best, length], NOTHING),
        lengths=tf.zeros([batch_size, num_best], tf.int32),
        scores=lowest,
        log_probs=lowest,
    )


def _first_beams(model, settings, sources, most_steps, source_length):
    """Returns `Beams` without tokens, of which the first of each source is in use."""
    batch_size, beam_size = tf.shape(sources.lengths)[0], settings.beam_size
    *state, _ = model.initial_state(batch_size * beam_size, most_steps, sources.memory)
    is_first = tf.broadcast_to(tf.range(beam_size) == 0, [batch_size, beam_size])
    coverage = ()
    if settings.coverage_penalty is not None:
        coverage = tf.zeros([batch_size, beam_size, source_length])
    return Beams(
        state=tuple(state),
        tokens=tf.fill([batch_size, beam_size, most_steps], NOTHING),
        log_probs=tf.where(is_first, tf.zeros([], tf.float64), LOWEST),
        coverage=coverage,
    )


def _step(model, settings, index, growing):
    """Adds a token to each beam."""
    sources, beams = growing.sources, growing.beams
    candidates, state, coverage = _continuations(model, sources.memory, settings, index, beams)
    is_last = index + 1 >= sources.longest
    ends = (candidates.last_tokens == settings.end_id) | is_last[:, None]
    first = tf.range(tf.shape(ends)[1]) < settings.beam_size
    counted = ends & first & growing.active[:, None]
    scores = _scores(settings, index, candidates, coverage, sources.lengths)
    ended = _best(growing.ended, candidates, tf.where(counted, scores, LOWEST), settings, index)
    beams = _going_on(settings, candidates, state, coverage, ends)
    is_done = is_last | _cannot_improve(settings, index, sources.longest, beams, ended)
    return growing._replace(active=growing.active & ~is_done, beams=beams, ended=ended)


def _active_alone(settings, growing):
    """Leaves out the sources that are done, so that they cost nothing more."""
    kept = tf.where(growing.active)[:, 0]
    first_row = tf.cast(kept, tf.int32)[:, None] * settings.beam_size
    rows = tf.reshape(first_row + tf.range(settings.beam_size), [-1])
    state = tf.nest.map_structure(lambda t: tf.gather(t, rows), growing.beams.state)
    rest = growing._replace(beams=growing.beams._replace(state=()))
    rest = tf.nest.map_structure(lambda t: tf.gather(t, kept), rest)
    return rest._replace(beams=rest.beams._replace(state=state))


class _Candidates(NamedTuple):
    """Continuations of a source's beams, best first, each `(batch, candidates)`."""

    parents: tf.Tensor
    tokens: tf.Tensor  # with a third axis: all of the text
    last_tokens: tf.Tensor
    log_probs: tf.Tensor


def _continuations(model, memory, settings, index, beams):
    """Reads a token of each beam.

    Returns:
        `(candidates, state, coverage)`: `2 * beam_size` candidates, and the parents' state and
        coverage after the step.
    """
    batch_size, beam_size = tf.shape(beams.log_probs)[0], settings.beam_size
    place = tf.maximum(index - 1, 0)
    last = tf.where(index > 0, beams.tokens[:, :, place], settings.end_id)
    last = tf.reshape(tf.maximum(last, 0), [-1, 1])  # a beam that is not in use has no tokens
    state, coverage = (*beams.state, memory), ()
    if settings.coverage_penalty is None:
        features, state = model.features(last, state)
    else:
        features, state, weights = model.features_and_attention(last, state)
        coverage = beams.coverage + tf.reshape(weights, tf.shape(beams.coverage))
    logits = model.logits(features)[:, 0]  # (B * K, V)
    # The best of all are among the best of each beam.
    per_beam = tf.minimum(2 * beam_size, model.vocab_size)
    values, tokens = tf.math.top_k(logits, per_beam)  # (B * K, C)
    log_probs = tf.cast(values - tf.reduce_logsumexp(logits, -1, keepdims=True), tf.float64)
    log_probs = tf.reshape(log_probs, [batch_size, beam_size, per_beam])
    log_probs = tf.reshape(log_probs + beams.log_probs[..., None], [batch_size, -1])
    # A NaN would be ranked anywhere: first, it cannot be missed.
    log_probs = tf.where(tf.math.is_nan(log_probs), -LOWEST, log_probs)
    log_probs, places = tf.math.top_k(log_probs, tf.minimum(2 * beam_size, beam_size * per_beam))
    parents = places // per_beam
    tokens = tf.gather(tf.reshape(tokens, [batch_size, -1]), places, batch_dims=1)  # (B, 2 K)
    texts = tf.gather(beams.tokens, parents, batch_dims=1)  # (B, 2 K, T)
    texts = tf.where(tf.range(tf.shape(texts)[2]) == index, tokens[..., None], texts)
    return _Candidates(parents, texts, tokens, log_probs), state[:-1], coverage


def _scores(settings, index, candidates, coverage, source_lengths):
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


def _best(ended, candidates, scores, settings, index):
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


def _going_on(settings, candidates, state, coverage, ends):
    """Returns the `Beams` of the best candidates that do not end."""
    batch_size, beam_size = tf.shape(ends)[0], settings.beam_size
    log_probs = tf.where(ends, LOWEST, candidates.log_probs)
    log_probs, chosen = tf.math.top_k(log_probs, beam_size)  # (B, K)
    parents = tf.gather(candidates.parents, chosen, batch_dims=1)
    rows = tf.reshape(parents + beam_size * tf.range(batch_size)[:, None], [-1])
    return Beams(
        state=tf.nest.map_structure(lambda t: tf.gather(t, rows), state),
        tokens=tf.gather(candidates.tokens, chosen, batch_dims=1),
        log_probs=log_probs,
        coverage=tf.nest.map_structure(lambda t: tf.gather(t, parents, batch_dims=1), coverage),
    )


def _cannot_improve(settings, index, longest, beams, ended):
    """Whether no beam can still change a source's hypotheses, bool `(batch,)`."""
    worst = tf.reduce_min(ended.scores, 1)
    # A longer text can only be divided by more, and coverage only takes away.
    length = tf.where(settings.length_penalty > 0, longest, index + 1)
    attainable = tf.reduce_max(beams.log_probs, 1)
    attainable /= tf.cast(length, tf.float64) ** settings.length_penalty
    return (worst > LOWEST) & ((attainable <= worst) | (settings.beam_size == 1))


def _number(values):
    """float32, with NaN for what was ranked first because it was none."""
    values = tf.cast(values, tf.float32)
    return tf.where(values == float("inf"), float("nan"), values)
