"""What has been read of a batch of texts, as tensors: begun, kept in bounds, rearranged."""

from typing import Any, NamedTuple

import tensorflow as tf

from lm_zoo.compiled import compiled_for
from lm_zoo.limits import MAX_CHUNK_TOKENS

SLOTS = 64  # a state has room for a multiple of so many tokens: few sizes, little waste


class DecodingState(NamedTuple):
    """All tokens but each row's last have been read; the next step reads that one.

    Attributes:
        model_state: The model's own state, rows first.
        token_ids: What `model_state` was made of, int32 `(batch, slots)`, for a model with a
            bounded context, else `()`. The slots are those of the model's state.
        num_read: How many of them there are, int32 `(batch,)`, or `()`.
    """

    model_state: Any
    token_ids: Any
    num_read: Any


def prefill(model, token_ids, lengths, num_slots=None):
    """Reads texts from their start.

    Args:
        model: A `LanguageModel`.
        token_ids: int32 `(batch, length)`, padded on the right.
        lengths: Tokens of each row, int32 `(batch,)`; 0 leaves a row at the start.
        num_slots: Tokens that the state must hold; None is the model's context.

    Returns:
        A `DecodingState`.
    """
    return prefill_with_features(model, token_ids, lengths, num_slots)[0]


def prefill_with_features(model, token_ids, lengths, num_slots=None):
    """Like `prefill`, and also returns features; each text needs at least one token.

    Returns:
        `(state, features)`: the `DecodingState`, and the features of each row's last token,
        `(batch, width)`.
    """
    batch_size, length = tf.shape(token_ids)[0], tf.shape(token_ids)[1]
    if model.context_length is not None and num_slots is None:
        num_slots = model.context_length
    model_state = model.initial_state(batch_size, num_slots)

    def read(place, state, last):
        piece = token_ids[:, place : place + MAX_CHUNK_TOKENS]
        most = tf.shape(piece)[1]
        read_here = tf.clip_by_value(lengths - place, 0, most)
        features, state = model.features(piece, state, lengths=read_here)
        ends = tf.gather(features, tf.maximum(read_here - 1, 0), batch_dims=1)  # (B, W)
        ends_here = (lengths > place) & (lengths <= place + most)
        return place + MAX_CHUNK_TOKENS, state, tf.where(ends_here[:, None], ends, last)

    specs, features = state_specs(model)
    last = tf.zeros([batch_size, features.shape[-1]], features.dtype)
    if token_ids.shape[1] is not None:  # as XLA needs it, whose slices have static sizes
        for place in range(0, token_ids.shape[1], MAX_CHUNK_TOKENS):
            _, model_state, last = read(place, model_state, last)
    else:
        shapes = tf.nest.map_structure(lambda spec: spec.shape, specs.model_state)
        _, model_state, last = tf.while_loop(
            lambda place, *_: place < length,
            read,
            (tf.constant(0), model_state, last),
            shape_invariants=(tf.TensorShape(()), shapes, features.shape),
        )
    if model.context_length is None:
        return DecodingState(model_state, (), ()), last
    kept = tf.pad(token_ids, ((0, 0), (0, tf.maximum(num_slots - length, 0))))[:, :num_slots]
    return DecodingState(model_state, kept, lengths), last


def state_specs(model):
    """Describes a model's state and features, for any number of rows and slots.

    Returns:
        `(state, features)`: a `DecodingState` with a `tf.TensorSpec` for each tensor, and the
        `tf.TensorSpec` of a row's features, `(batch, width)`.
    """
    return compiled_for(model, "generation.state_specs", _make_state_specs)


def _make_state_specs(reference):
    model = reference()

    def read_one(batch_size, num_slots):
        state = model.initial_state(batch_size, num_slots)
        return state, model.features(tf.zeros([batch_size, 1], tf.int32), state)[0][:, 0]

    number = tf.TensorSpec((), tf.int32)
    with tf.init_scope():
        made = tf.function(read_one, autograph=False).get_concrete_function(number, number)
    specs, features = tf.nest.map_structure(
        lambda t: tf.TensorSpec(t.shape, t.dtype), made.structured_outputs
    )
    slots, rows = tf.TensorSpec((None, None), tf.int32), tf.TensorSpec((None,), tf.int32)
    bounds = ((), ()) if model.context_length is None else (slots, rows)
    return DecodingState(specs, *bounds), features


def slots_for(num_tokens):
    """Returns the slots of a state for so many tokens, of which there are few sizes.

    Args:
        num_tokens: A Python number or an int32 tensor.
    """
    return (num_tokens + SLOTS - 1) // SLOTS * SLOTS


def slide_full_rows(model, state, active, limit):
    """Lets each active row that is full begin anew with its last tokens.

    The last `limit // 2` tokens, the unread one included, are read into a fresh state. That hangs
    on the row's own length alone, never on its neighbours.

    Args:
        model: A `LanguageModel`.
        state: A `DecodingState`.
        active: Rows that will go on, bool `(batch,)`.
        limit: Most tokens that a row may hold, a Python int; None: any number.

    Returns:
        A `DecodingState` in which each active row has room for a token.
    """
    if _is_unbounded(state):
        return state
    full = active & (state.num_read >= limit)
    num_kept = max(1, limit // 2) - 1

    def slide():
        which = tf.where(full)  # (R, 1)
        rows = which[:, 0]
        kept = tf.gather(state.token_ids, rows)[:, limit - num_kept : limit]  # (R, K)
        fresh = prefill(
            model, kept, tf.fill(tf.shape(rows), num_kept), tf.shape(state.token_ids)[1]
        )
        return tf.nest.map_structure(
            lambda old, new: tf.tensor_scatter_nd_update(old, which, new), state, fresh
        )

    return tf.cond(tf.reduce_any(full), slide, lambda: state)


def steps_left(state, active, limit):
    """Returns how many steps all active rows can take before one is full, int32 scalar."""
    if _is_unbounded(state):
        return tf.constant(tf.int32.max)
    return tf.reduce_min(tf.where(active, limit - state.num_read, tf.int32.max))


def stepped(state, model_state, token_ids, counts):
    """Takes the model's state after some steps.

    Args:
        state: The `DecodingState` before them.
        model_state: The model's state after them.
        token_ids: What was read, int32 `(batch, steps)`.
        counts: How many of them by each row, int32 `(batch,)`; the rest was not.
    """
    if _is_unbounded(state):
        return DecodingState(model_state, (), ())
    index = tf.range(tf.shape(state.token_ids)[1]) - state.num_read[:, None]  # (B, S)
    new = tf.gather(
        token_ids, tf.clip_by_value(index, 0, tf.shape(token_ids)[1] - 1), axis=1, batch_dims=1
    )
    kept = tf.where((index >= 0) & (index < counts[:, None]), new, state.token_ids)
    return DecodingState(model_state, kept, state.num_read + counts)


def gather_rows(state, rows):
    """Returns the state of the given rows, int32 `(number,)`, in this order."""
    return tf.nest.map_structure(lambda t: tf.gather(t, rows, axis=0), state)


def concat_rows(first, second):
    """Puts two batches together; slots are padded to the larger number."""

    def joined(a, b):
        largest = tf.maximum(tf.shape(a)[1:], tf.shape(b)[1:])

        def padded(t):
            missing = tf.concat([[0], largest - tf.shape(t)[1:]], 0)
            return tf.pad(t, tf.stack([tf.zeros_like(missing), missing], 1))

        return tf.concat([padded(a), padded(b)], 0)

    return tf.nest.map_structure(joined, first, second)


def _is_unbounded(state):
    return isinstance(state.num_read, tuple)
