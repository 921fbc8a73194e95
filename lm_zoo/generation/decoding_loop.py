"""The one loop that makes tokens, inside a graph: for Python's `generate` and for SavedModels."""

import contextlib
from typing import Any, NamedTuple

import tensorflow as tf

from lm_zoo.generation.decoding_state import (
    DecodingState,
    slide_full_rows,
    stepped,
    steps_left,
)
from lm_zoo.generation.samplers import SamplingSettings, choose_tokens, mark_seen
from lm_zoo.layers.attention.key_value_cache import written_in_place

STOP_STEPS = 16  # between two looks at the text for stop strings


class Decoding(NamedTuple):
    """Rows that grow.

    Attributes:
        state: A `DecodingState`: all but `tokens` have been read.
        tokens: The last token of each row, int32 `(batch,)`.
        token_index: How many tokens of each row have been generated, int32 `(batch,)`.
        active: Rows that go on, bool `(batch,)`.
        seen: Which tokens each row holds, bool `(batch, vocab_size)`, or `()` where nothing is
            penalised.
    """

    state: DecodingState
    tokens: tf.Tensor
    token_index: tf.Tensor
    active: tf.Tensor
    seen: Any


class Steps(NamedTuple):
    """What some steps made, in columns: -1 and 0 where a row had ended.

    Attributes:
        tokens: int32 `(batch, steps)`.
        log_probs: The model's own, in nats, float32 `(batch, steps)`.
        top_tokens: The likeliest tokens of each step, int32 `(batch, steps, num_top)`.
        top_log_probs: float32 `(batch, steps, num_top)`.
    """

    tokens: tf.Tensor
    log_probs: tf.Tensor
    top_tokens: tf.Tensor
    top_log_probs: tf.Tensor


def first_step(model, features, decoding, settings, most_tokens, eos_id):
    """Chooses the next token of each row whose last token is already in the state.

    Args:
        model: A `LanguageModel`.
        features: The model's features of the last tokens, `(batch, width)`.
        decoding: A `Decoding` whose state has read its `tokens` too.
        settings: `SamplingSettings`.
        most_tokens: How many tokens each row may have generated in all, int32 `(batch,)`.
        eos_id: A token that ends a row, int or int32 scalar; -1 is none.

    Returns:
        `(decoding, tokens, log_probs)`: a `Decoding` as usual, and the chosen tokens and their
        log-probabilities (nats), `(batch,)` each.
    """
    logits = model.logits(features[:, None])[:, 0]
    return _grow(model, logits, decoding, settings, most_tokens, eos_id)


def decode(
    model, decoding, settings: SamplingSettings, num_steps, most_tokens, eos_id, limit, num_top=0
):
    """Takes steps until each row has ended, or the number of steps is reached.

    Args:
        model: A `LanguageModel`.
        decoding: A `Decoding`.
        settings: `SamplingSettings`.
        num_steps: Most steps, int32 scalar; a Python int gives that many columns in any case.
        most_tokens: How many tokens each row may have generated in all, int32 `(batch,)`.
        eos_id: A token that ends a row, int or int32 scalar; -1 is none.
        limit: Most tokens that a state may hold, a Python int; rows that are full begin anew with
            their last half. None for models of unbounded context.
        num_top: How many of the likeliest tokens to give with each step, an int or int32 scalar.

    Returns:
        `(decoding, steps)`: a `Decoding`, and `Steps` with as many columns as steps were taken.
    """
    batch_size = tf.shape(decoding.tokens)[0]
    decoding = decoding._replace(active=decoding.active & (decoding.token_index < most_tokens))
    # Steps come first, so that one is a slice.
    steps = [tf.fill([num_steps, batch_size], -1), tf.zeros([num_steps, batch_size])]
    gives_top = not (isinstance(num_top, int) and num_top == 0)
    if gives_top:
        shape = [num_steps, batch_size, tf.maximum(num_top, 1)]  # an empty slice cannot be written
        steps += [tf.zeros(shape, tf.int32), tf.zeros(shape)]

    def going_on(index, decoding, _):
        return (index < num_steps) & tf.reduce_any(decoding.active)

    def step(index, decoding, steps):
        logits, model_state = _read(model, decoding)
        decoding = decoding._replace(state=decoding.state._replace(model_state=model_state))
        decoding, *made = _grow(model, logits, decoding, settings, most_tokens, eos_id)
        if gives_top:
            made += _likeliest(model, logits, num_top)
        steps = [
            tf.tensor_scatter_nd_update(all_steps, [[index]], one[None])
            for all_steps, one in zip(steps, made, strict=True)
        ]
        return index + 1, decoding, steps

    def steps_within_context(index, decoding, steps):
        """Takes as many steps as the rows' states have room for."""
        state = slide_full_rows(model, decoding.state, decoding.active, limit)
        decoding = decoding._replace(state=state)
        first, last = (
            index,
            tf.minimum(num_steps - index, steps_left(state, decoding.active, limit)),
        )
        last += index
        before = decoding
        index, decoding, steps = tf.while_loop(
            lambda index, *rest: (index < last) & going_on(index, *rest),
            step,
            (index, decoding, steps),
        )
        read = tf.concat(
            [before.tokens[:, None], tf.transpose(steps[0][first : index - 1])], axis=1
        )
        counts = decoding.token_index - before.token_index
        state = stepped(state, decoding.state.model_state, read, counts)
        return index, decoding._replace(state=state), steps

    loop = step if limit is None else steps_within_context
    with contextlib.nullcontext() if limit is None else written_in_place():
        index, decoding, steps = tf.while_loop(going_on, loop, (tf.constant(0), decoding, steps))
    if isinstance(num_steps, int):
        index = num_steps
    columns = [tf.transpose(part[:index], (1, 0, 2)[: part.shape.rank]) for part in steps]
    if gives_top:
        columns[2:] = [part[:, :, :num_top] for part in columns[2:]]
    else:
        nothing = tf.zeros([batch_size, index, 0])
        columns += [tf.cast(nothing, tf.int32), nothing]
    return decoding, Steps(*columns)


def _read(model, decoding):
    """Reads the rows' last tokens; rows that have ended stay as they are."""
    features, model_state = model.features(
        decoding.tokens[:, None],
        decoding.state.model_state,
        lengths=tf.cast(decoding.active, tf.int32),
    )
    return model.logits(features)[:, 0], model_state  # (B, num_rows)


def _grow(model, logits, decoding, settings, most_tokens, eos_id):
    """Chooses a token for each active row; returns the `Decoding`, the tokens, their log-probs."""
    tokens, log_probs = choose_tokens(
        logits,
        None if _is_absent(decoding.seen) else decoding.seen,
        decoding.token_index,
        settings,
        model.vocab_size,
    )
    active, token_index = decoding.active, decoding.token_index + 1
    decoding = Decoding(
        decoding.state,
        tf.where(active, tokens, decoding.tokens),
        tf.where(active, token_index, decoding.token_index),
        active & (tokens != eos_id) & (token_index < most_tokens),
        decoding.seen if _is_absent(decoding.seen) else mark_seen(decoding.seen, tokens),
    )
    return decoding, tf.where(active, tokens, -1), tf.where(active, log_probs, 0.0)


def _likeliest(model, logits, num_top):
    """The likeliest tokens and their log-probabilities, each `(batch, max(num_top, 1))`."""

    def found():
        values, tokens = tf.math.top_k(logits[:, : model.vocab_size], num_top)
        return [tokens, values - tf.reduce_logsumexp(logits, -1, keepdims=True)]

    def nothing():
        shape = (tf.shape(logits)[0], 1)
        return [tf.zeros(shape, tf.int32), tf.zeros(shape)]

    return tf.cond(num_top > 0, found, nothing)


def _is_absent(seen):
    return isinstance(seen, tuple)
