"""Beam search, wholly inside a graph: for language models and for models that read a source.

The score of a text that has ended is its log-probability divided by its number of tokens, the end
token included, to the power of `length_penalty`; where coverage counts, plus `coverage_penalty`
times the sum over source tokens of `log(min(a, 1))`, where `a` is all attention that the token has
had (Wu et al. 2016). While texts grow they are ranked by log-probability alone.

At each step the best `2 * num_beams` continuations of the beams are looked at, as in transformers:
those of the best `num_beams` that end are kept as ended, and the best `num_beams` others go on. The
search of a prompt stops as soon as no beam can still change its `num_return_sequences` texts, so
that the best are the same whatever `num_return_sequences` is. Prompts that are done are left out
once they are half of all. With one beam the first end token ends the search: it is greedy decoding.

Prompts do not change each other's texts, beyond the last bits of floating-point sums.
"""

from typing import NamedTuple

import tensorflow as tf

from lm_zoo.generation.search.beam_step import (
    best_ended,
    best_going_on,
    cannot_improve,
    continuations,
    ended_scores,
)
from lm_zoo.generation.search.beams import NO_SCORE, NOTHING, Beams, Hypotheses, Prompts
from lm_zoo.layers.attention.key_value_cache import written_in_place


class Growing(NamedTuple):
    """Prompts whose texts grow, some of which may be done.

    Attributes:
        rows: Which of all prompts each is, int32 `(batch,)`.
        active: Which are not done, bool `(batch,)`.
        prompts: `Prompts`.
        beams: `Beams`.
        ended: `Hypotheses`, with scores and log-probabilities in float64.
    """

    rows: tf.Tensor
    active: tf.Tensor
    prompts: Prompts
    beams: Beams
    ended: Hypotheses


class Search(NamedTuple):
    """A search that can be taken further.

    Attributes:
        index: How many tokens the beams have, int32 scalar.
        growing: `Growing`.
        found: The `Hypotheses` of all prompts, those of `growing` excepted.
    """

    index: tf.Tensor
    growing: Growing
    found: Hypotheses


def begin(settings, prompts, state, num_return_sequences, keeps_own=False, source_length=0):
    """Begins a search.

    Args:
        settings: `beams.Settings`.
        prompts: `beams.Prompts`.
        state: The model's state before `prompts.last_tokens`, without memory: a nested structure of
            tensors of `batch * num_beams` rows, a prompt's beams together.
        num_return_sequences: How many texts of each prompt to give, an int or int32 scalar of at
            most `num_beams`. Fewer may take fewer steps.
        keeps_own: Whether beams are ranked by other logits than the model's own.
        source_length: Tokens of the longest source, if coverage counts.

    Returns:
        A `Search`.
    """
    batch_size, num_beams = tf.shape(prompts.last_tokens)[0], settings.num_beams
    most_steps = tf.reduce_max(tf.concat([prompts.longest, [0]], 0))
    is_first = tf.broadcast_to(tf.range(num_beams) == 0, [batch_size, num_beams])
    covers = not isinstance(settings.coverage_penalty, tuple)
    beams = Beams(
        state=state,
        tokens=tf.fill([batch_size, num_beams, most_steps], NOTHING),
        log_probs=tf.where(is_first, tf.zeros([], tf.float64), NO_SCORE),
        own_log_probs=tf.zeros([batch_size, num_beams], tf.float64) if keeps_own else (),
        coverage=tf.zeros([batch_size, num_beams, source_length]) if covers else (),
    )
    lowest = tf.fill([batch_size, num_return_sequences], NO_SCORE)
    found = Hypotheses(
        tokens=tf.fill([batch_size, num_return_sequences, most_steps], NOTHING),
        lengths=tf.zeros([batch_size, num_return_sequences], tf.int32),
        scores=lowest,
        log_probs=lowest,
    )
    rows, active = tf.range(batch_size), tf.fill([batch_size], True)
    return Search(tf.constant(0), Growing(rows, active, prompts, beams, found), found)


def advance(step, settings, search, num_steps):
    """Takes steps until all prompts are done, or the number of steps is reached.

    Args:
        step: Called as `step(memory, state, tokens, active)`, returns a `Reading`; see
            `beam_step.continuations`.
        settings: `beams.Settings`.
        search: A `Search`.
        num_steps: int32 scalar.

    Returns:
        A `Search` whose `growing` has only prompts that are not done.
    """
    last = search.index + num_steps
    shapes = tf.nest.map_structure(lambda t: tf.TensorShape([None, *t.shape[1:]]), search.growing)

    def goes_on(index, growing, most_done):
        num_active = tf.reduce_sum(tf.cast(growing.active, tf.int32))
        num_done = tf.size(growing.rows) - num_active
        return (index < last) & (num_active > 0) & (num_done <= most_done)

    def one_step(index, growing):
        read = continuations(step, settings, index, growing.active, growing.prompts, growing.beams)
        growing = choose(settings, index, growing, *read)
        return index + 1, tf.nest.map_structure(tf.ensure_shape, growing, shapes)

    def until_half_are_done(index, growing, found):
        most_done = tf.size(growing.rows) // 2
        index, growing = tf.while_loop(
            lambda index, growing: goes_on(index, growing, most_done),
            one_step,
            (index, growing),
            shape_invariants=(tf.TensorShape(()), shapes),
        )
        return index, _active_alone(settings, growing), collected(growing, found)

    with written_in_place():
        index, growing, found = tf.while_loop(
            lambda index, growing, _: goes_on(index, growing, tf.int32.max),
            until_half_are_done,
            tuple(search),
            shape_invariants=(
                tf.TensorShape(()),
                shapes,
                tf.nest.map_structure(lambda t: t.shape, search.found),
            ),
        )
    return Search(index, growing, found)


def choose(settings, index, growing, candidates, state, coverage, stopped=None):
    """Second half of a step: some candidates end, others continue.

    Args:
        settings: `beams.Settings`.
        index: How many tokens the beams had before, int32 scalar.
        growing: `Growing` before the step.
        candidates: `Candidates` of this step.
        state: The parents' state after the step.
        coverage: The parents' coverage, or `()`.
        stopped: Candidates that end for another reason than the end token or their length, bool
            `(batch, candidates)`.

    Returns:
        `Growing` after the step.
    """
    prompts = growing.prompts
    is_last = index + 1 >= prompts.longest
    ends = (candidates.last_tokens == settings.end_id) | is_last[:, None]
    if stopped is not None:
        ends |= stopped
    first = tf.range(tf.shape(ends)[1]) < settings.num_beams
    counted = ends & first & growing.active[:, None]
    scores = ended_scores(settings, index, candidates, coverage, prompts.source_lengths)
    ended = best_ended(
        growing.ended, candidates, tf.where(counted, scores, NO_SCORE), settings, index
    )
    beams = best_going_on(settings, candidates, state, coverage, ends)
    is_done = is_last | cannot_improve(settings, index, prompts.longest, beams, ended)
    return growing._replace(active=growing.active & ~is_done, beams=beams, ended=ended)


def collected(growing, found):
    """Returns `found`, the `Hypotheses` of all prompts, with those of `growing` in their places."""
    places = growing.rows[:, None]
    return tf.nest.map_structure(
        lambda all_rows, rows: tf.tensor_scatter_nd_update(all_rows, places, rows),
        found,
        growing.ended,
    )


def as_numbers(found, dtype=tf.float32):
    """Returns `Hypotheses` with NaN for what was ranked first because it was none."""

    def number(values):
        values = tf.cast(values, dtype)
        return tf.where(values == float("inf"), float("nan"), values)

    return found._replace(scores=number(found.scores), log_probs=number(found.log_probs))


def _active_alone(settings, growing):
    """Leaves out the prompts that are done, so that they cost nothing more."""
    kept = tf.where(growing.active)[:, 0]
    first_row = tf.cast(kept, tf.int32)[:, None] * settings.num_beams
    rows = tf.reshape(first_row + tf.range(settings.num_beams), [-1])
    state = tf.nest.map_structure(lambda t: tf.gather(t, rows), growing.beams.state)
    rest = growing._replace(beams=growing.beams._replace(state=()))
    rest = tf.nest.map_structure(lambda t: tf.gather(t, kept), rest)
    return rest._replace(beams=rest.beams._replace(state=state))
