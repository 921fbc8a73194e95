"""The keys and values of the tokens read so far, in tensors of a fixed size."""

import contextlib
import threading

import tensorflow as tf

from lm_zoo.types import Tensor

_LOOPS = threading.local()  # whether the loop of `written_in_place` is being traced


def empty_cache(batch_size, num_heads, slots, head_dim, dtype):
    """Returns an empty cache for one layer.

    Args:
        batch_size: Number of rows, an int or scalar tensor.
        num_heads: Key/value heads.
        slots: Tokens that it can hold, an int or scalar tensor.
        head_dim: Width of a head.
        dtype: Of keys and values.

    Returns:
        `(keys, values)`, zeros of shape `(batch, num_heads, slots, head_dim)`.
    """
    zeros = tf.zeros((batch_size, num_heads, slots, head_dim), dtype)
    return zeros, zeros


def num_slots(cache):
    """Returns how many tokens `(keys, values)` can hold: an int, or a tensor if it is not known."""
    slots = cache[0].shape[2]
    return tf.shape(cache[0])[2] if slots is None else slots


@contextlib.contextmanager
def written_in_place():
    """Makes `write` cheap for single tokens in a loop that is traced here.

    TensorFlow then changes the cache where it stands instead of making a new one, as long as all
    rows write to the same slot; XLA and LiteRT cannot compile the operations that do so.
    """
    before = is_written_in_place()
    _LOOPS.in_place = True
    try:
        yield
    finally:
        _LOOPS.in_place = before


def is_written_in_place():
    """Whether what is traced now is inside of `written_in_place`."""
    return getattr(_LOOPS, "in_place", False)


def write(cache, new, position):
    """Puts `new` into `cache` from each row's own position on.

    Each slot of the cache takes its value by selection rather than by scattering: it costs one pass
    over the cache, as attention does anyway, and works alike in eager mode, graphs, loops and XLA.
    What would stand beyond the end is left out.

    Args:
        cache: Shape `(batch, num_heads, slots, head_dim)`.
        new: Shape `(batch, num_heads, length, head_dim)`.
        position: Integers, shape `(batch,)`: the slot of `new`'s first token.

    Returns:
        The cache after writing.
    """
    if new.shape[2] == 1 and is_written_in_place():
        return _write_one(cache, new, position)
    slots = tf.range(num_slots((cache,)))
    index = slots[None] - position[:, None]  # (B, S): which new token a slot gets
    length = tf.shape(new)[2]
    written = (index >= 0) & (index < length)
    if new.shape[2] != 1:  # one new token is broadcast as it is
        new = tf.gather(new, tf.clip_by_value(index, 0, length - 1), axis=2, batch_dims=1)
    return tf.where(written[:, None, :, None], new, cache)


def _write_one(cache, new, position):
    """The same for one token, in place where all rows write to one slot."""
    slot = tf.reduce_max(position)
    inside = tf.reduce_all(position == slot) & (slot < tf.shape(cache)[2])

    def to_one_slot():
        return tf.raw_ops.TensorStridedSliceUpdate(
            input=cache,
            begin=tf.stack([0, 0, slot, 0]),
            end=tf.stack([0, 0, slot + 1, 0]),
            strides=[1, 1, 1, 1],
            value=new,
            begin_mask=0b1011,  # all rows, heads and numbers
            end_mask=0b1011,
        )

    def to_each_rows_slot():
        rows, heads = tf.shape(new)[0], tf.shape(new)[1]
        grid = tf.meshgrid(tf.range(rows), tf.range(heads), indexing="ij")
        slots = tf.broadcast_to(position[:, None], (rows, heads))
        return tf.raw_ops.TensorScatterUpdate(
            tensor=cache,
            indices=tf.stack([*grid, slots], -1),  # (B, H, 3)
            updates=new[:, :, 0],
            bad_indices_policy="IGNORE",
        )

    written = tf.cond(inside, to_one_slot, to_each_rows_slot)
    return tf.ensure_shape(written, cache.shape)


def where_to_write(position, lengths):
    """Returns the slots that rows write one token to, such that as many as can share one.

    A row that does not read the token (length 0) may write it to any slot that no token of its own
    stands in.

    Args:
        position: Number of tokens that each row has read, int32 `(batch,)`.
        lengths: 1 for rows that read the token, else 0, int32 `(batch,)`.
    """
    slot = tf.reduce_max(tf.where(lengths > 0, position, 0))
    return tf.where(lengths > 0, position, tf.maximum(position, slot))


def causal_mask(length: int) -> Tensor:
    """Returns the mask added to scores `(..., length, length)`: 0, and -1e30 for later tokens."""
    return additive_mask(tf.range(length)[None] <= tf.range(length)[:, None])


def self_attention_mask(x, mask):
    """Returns what self-attention adds to its scores, and whether a plain Keras layer was called.

    Args:
        x: Shape `(batch, length, width)`.
        mask: What is to be added, float32. None, or a Keras mask (True where there is a token, bool
            `(batch, length)`), means that each token sees those before it that are tokens.
    """
    if mask is not None and mask.dtype != tf.bool:
        return mask, False
    causal = causal_mask(tf.shape(x)[1])
    return (causal if mask is None else causal + additive_mask(mask)[:, None, None]), True


def cache_mask(position, length, context_length):
    """Returns the mask that is added to the scores of `length` new tokens over their cache.

    Args:
        position: Number of tokens before these in each row, int32 `(batch,)`.
        length: Number of new tokens, an int or scalar tensor.
        context_length: Slots of the cache, an int or scalar tensor.

    Returns:
        float32, shape `(batch, 1, length, context_length)`: token t of a row sees the slots up to
        its own, `position + t`.
    """
    last = position[:, None] + tf.range(length)[None]  # (B, T)
    return additive_mask(tf.range(context_length)[None, None] <= last[..., None])[:, None]


def additive_mask(visible):
    """Returns what is added to scores: 0 where `visible`, else -1e30."""
    # Scores are float32 under every policy, so the constant is safe in float16 too.
    return tf.where(visible, 0.0, -1e30)
