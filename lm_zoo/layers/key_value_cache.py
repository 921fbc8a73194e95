"""The keys and values of the tokens read so far, in tensors of a fixed size."""

import tensorflow as tf


def empty_cache(batch_size, num_heads, slots, head_dim, dtype):
    """Returns `(keys, values)`, zeros of shape `(batch, num_heads, slots, head_dim)`."""
    zeros = tf.zeros((batch_size, num_heads, slots, head_dim), dtype)
    return zeros, zeros


def num_slots(cache):
    """Returns how many tokens `(keys, values)` can hold: an int, or a tensor if it is not known."""
    slots = cache[0].shape[2]
    return tf.shape(cache[0])[2] if slots is None else slots


def write(cache, new, position):
    """Puts `new` into `cache` from each row's own position on.

    Each slot of the cache takes its value by selection rather than by scattering: it costs one pass
    over the cache, as attention does anyway, and works alike in eager mode, graphs, loops and XLA.
    What would stand beyond the end is left out.

    Args:
        cache: Shape `(batch, num_heads, context_length, head_dim)`.
        new: Shape `(batch, num_heads, length, head_dim)`.
        position: Integers, shape `(batch,)`: the slot of `new`'s first token.

    Returns:
        The cache after writing.
    """
    index = (
        tf.range(cache.shape[2])[None] - position[:, None]
    )  # (B, S): which new token a slot gets
    length = tf.shape(new)[2]
    written = (index >= 0) & (index < length)
    if new.shape[2] != 1:  # one new token is broadcast as it is
        new = tf.gather(new, tf.clip_by_value(index, 0, length - 1), axis=2, batch_dims=1)
    return tf.where(written[:, None, :, None], new, cache)


def causal_mask(length):
    """Returns what is added to scores `(..., length, length)`: 0, and -1e30 for later tokens."""
    return additive_mask(tf.range(length)[None] <= tf.range(length)[:, None])


def cache_mask(position, length, context_length):
    """Returns what is added to scores of `length` new tokens over a cache that holds them.

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
