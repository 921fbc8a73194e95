"""Beam search for models that read a source, wholly inside a graph: for Python and SavedModels."""

from typing import NamedTuple

import tensorflow as tf

from lm_zoo.generation.graph_beams import (
    LOWEST,
    NOTHING,
    Beams,
    Hypotheses,
    Settings,
    Sources,
    best_ended,
    best_going_on,
    cannot_improve,
    continuations,
    ended_scores,
)
from lm_zoo.generation.translation_options import AUTOMATIC_LENGTH
from lm_zoo.layers.key_value_cache import written_in_place


def automatic_length(source_lengths):
    """The most tokens of a target where none is asked for: twice the source's and 20 more."""
    times, more = AUTOMATIC_LENGTH
    return times * source_lengths + more


def longest_targets(model, source_lengths, max_new_tokens):
    """The most tokens of each source's target, its end token included.

    Args:
        model: A `SequenceToSequenceModel`.
        source_lengths: int32 `(batch,)`.
        max_new_tokens: int32, a scalar or `(batch,)`; 0 means `automatic_length`.

    Returns:
        int32 `(batch,)`: no more than the model can read after the end token that a target begins
        with.
    """
    asked = tf.broadcast_to(tf.cast(max_new_tokens, tf.int32), tf.shape(source_lengths))
    longest = tf.where(asked > 0, asked, automatic_length(source_lengths))
    if model.context_length is None:
        return longest
    return tf.minimum(longest, max(model.context_length - 1, 1))


def beam_search(
    model,
    source_ids,
    source_lengths,
    end_id,
    num_beams,
    max_new_tokens=0,
    length_penalty=1.0,
    coverage_penalty=None,
    num_return_sequences=None,
):
    """Finds the best target texts of sources.

    It ranks as `lm_zoo.generation.beam_search` does: the score of a text that has ended is its
    log-probability divided by its number of tokens, the end token included, to the power of
    `length_penalty`, plus `coverage_penalty` times the sum over source tokens of `log(min(a, 1))`,
    where `a` is all attention that the token has had (Wu et al. 2016). While texts grow they are
    ranked by log-probability alone. At each step the best `2 * num_beams` continuations of the
    beams are looked at: those of the best `num_beams` that end (by the end token, or as they reach
    their greatest length) are kept as ended, and the best `num_beams` others go on. The search of a
    source stops as soon as no beam can still change its `num_return_sequences` texts, so that the
    best are the same whatever `num_return_sequences` is. Sources that are done are left out once
    they are half of all.

    With one beam the first end token ends the search: it is greedy decoding.

    Sources do not change each other's texts, beyond the last bits of floating-point sums.

    Args:
        model: A built `SequenceToSequenceModel`.
        source_ids: int32 `(batch, source_length)`, each with its end token, padded on the right.
        source_lengths: int32 `(batch,)`.
        end_id: The target token that begins and ends each text; an int or int32 scalar.
        num_beams: An int or int32 scalar of at least 1.
        max_new_tokens: The most tokens of a text, its end token included: an int, or int32, a
            scalar or one for each source; 0 means `automatic_length`. Never more than
            `context_length - 1`.
        length_penalty: A float or scalar.
        coverage_penalty: A float or scalar; None or the number 0 keeps no account of attention,
            and costs nothing.
        num_return_sequences: How many texts of each source to give, an int or int32 scalar of
            at most `num_beams`; None means `num_beams`. Fewer may take fewer steps.

    Returns:
        `Hypotheses`.
    """
    has_coverage = coverage_penalty is not None and not (
        isinstance(coverage_penalty, (int, float)) and coverage_penalty == 0
    )
    settings = Settings(
        end_id=end_id,
        num_beams=tf.cast(num_beams, tf.int32),
        length_penalty=tf.cast(length_penalty, tf.float64),
        coverage_penalty=tf.cast(coverage_penalty, tf.float64) if has_coverage else None,
    )
    source_lengths = tf.cast(source_lengths, tf.int32)
    sources = Sources(
        memory=model.encode(source_ids, source_lengths),
        lengths=source_lengths,
        longest=longest_targets(model, source_lengths, max_new_tokens),
    )
    most_steps = tf.reduce_max(tf.concat([sources.longest, [0]], 0))
    num_return_sequences = (
        settings.num_beams
        if num_return_sequences is None
        else tf.cast(num_return_sequences, tf.int32)
    )
    found = _no_hypotheses(tf.shape(source_ids)[0], num_return_sequences, most_steps)
    growing = _Growing(
        rows=tf.range(tf.shape(source_ids)[0]),
        active=tf.fill(tf.shape(source_ids)[:1], True),
        sources=sources,
        beams=_first_beams(model, settings, sources, most_steps, tf.shape(source_ids)[1]),
        ended=found,
    )
    shapes = tf.nest.map_structure(lambda t: tf.TensorShape([None, *t.shape[1:]]), growing)

    def goes_on(index, growing, most_done):
        num_active = tf.reduce_sum(tf.cast(growing.active, tf.int32))
        num_done = tf.size(growing.rows) - num_active
        return (index < most_steps) & (num_active > 0) & (num_done <= most_done)

    def step(index, growing):
        growing = _step(model, settings, index, growing)
        return index + 1, tf.nest.map_structure(tf.ensure_shape, growing, shapes)

    def until_half_are_done(index, growing, found):
        most_done = tf.size(growing.rows) // 2
        index, growing = tf.while_loop(
            lambda index, growing: goes_on(index, growing, most_done),
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
            lambda index, growing, _: goes_on(index, growing, tf.int32.max),
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


def _no_hypotheses(batch_size, num_return_sequences, length):
    lowest = tf.fill([batch_size, num_return_sequences], LOWEST)
    return Hypotheses(
        tokens=tf.fill([batch_size, num_return_sequences, length], NOTHING),
        lengths=tf.zeros([batch_size, num_return_sequences], tf.int32),
        scores=lowest,
        log_probs=lowest,
    )


def _first_beams(model, settings, sources, most_steps, source_length):
    """Returns `Beams` without tokens, of which the first of each source is in use."""
    batch_size, num_beams = tf.shape(sources.lengths)[0], settings.num_beams
    *state, _ = model.initial_state(batch_size * num_beams, most_steps, sources.memory)
    is_first = tf.broadcast_to(tf.range(num_beams) == 0, [batch_size, num_beams])
    coverage = ()
    if settings.coverage_penalty is not None:
        coverage = tf.zeros([batch_size, num_beams, source_length])
    return Beams(
        state=tuple(state),
        tokens=tf.fill([batch_size, num_beams, most_steps], NOTHING),
        log_probs=tf.where(is_first, tf.zeros([], tf.float64), LOWEST),
        coverage=coverage,
    )


def _step(model, settings, index, growing):
    """Adds a token to each beam."""
    sources, beams = growing.sources, growing.beams
    candidates, state, coverage = continuations(model, sources.memory, settings, index, beams)
    is_last = index + 1 >= sources.longest
    ends = (candidates.last_tokens == settings.end_id) | is_last[:, None]
    first = tf.range(tf.shape(ends)[1]) < settings.num_beams
    counted = ends & first & growing.active[:, None]
    scores = ended_scores(settings, index, candidates, coverage, sources.lengths)
    ended = best_ended(
        growing.ended, candidates, tf.where(counted, scores, LOWEST), settings, index
    )
    beams = best_going_on(settings, candidates, state, coverage, ends)
    is_done = is_last | cannot_improve(settings, index, sources.longest, beams, ended)
    return growing._replace(active=growing.active & ~is_done, beams=beams, ended=ended)


def _active_alone(settings, growing):
    """Leaves out the sources that are done, so that they cost nothing more."""
    kept = tf.where(growing.active)[:, 0]
    first_row = tf.cast(kept, tf.int32)[:, None] * settings.num_beams
    rows = tf.reshape(first_row + tf.range(settings.num_beams), [-1])
    state = tf.nest.map_structure(lambda t: tf.gather(t, rows), growing.beams.state)
    rest = growing._replace(beams=growing.beams._replace(state=()))
    rest = tf.nest.map_structure(lambda t: tf.gather(t, kept), rest)
    return rest._replace(beams=rest.beams._replace(state=state))


def _number(values):
    """float32, with NaN for what was ranked first because it was none."""
    values = tf.cast(values, tf.float32)
    return tf.where(values == float("inf"), float("nan"), values)
