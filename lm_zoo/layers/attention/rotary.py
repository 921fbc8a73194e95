"""Rotary position embeddings (Su et al. 2021), in the half-rotation form of Llama's weights."""

import tensorflow as tf

from lm_zoo.layers.attention.rope_scaling import rope_frequencies


def rotation(positions, head_dim, theta, scaling=None):
    """Returns the cosines and sines that `rotate` needs at each position.

    Args:
        positions: Integers, shape `(length,)` or `(batch, length)`.
        head_dim: Width of a head; even.
        theta: Base of the wavelengths; 10,000 in the paper and Llama 2, 500,000 in Llama 3.
        scaling: A dict with `rope_type`, checked by `check_rope_scaling`, or None.

    Returns:
        `(cosines, sines)`: float32, `positions.shape + (head_dim / 2,)`, with an axis for the heads
        before the length: `(length, d)` or `(batch, 1, length, d)`.
    """
    frequencies, factor = rope_frequencies(head_dim, theta, scaling)
    angles = tf.cast(positions, tf.float32)[..., None] * tf.constant(frequencies)
    if positions.shape.rank == 2:
        angles = angles[:, None]
    if factor == 1:
        return tf.cos(angles), tf.sin(angles)
    return tf.cos(angles) * factor, tf.sin(angles) * factor


def rotate(heads, cosines_and_sines):
    """Rotates dimensions (i, i + head_dim / 2) of each head, in float32.

    Args:
        heads: Queries or keys, shape `(batch, num_heads, length, head_dim)`.
        cosines_and_sines: From `rotation`.
    """
    cosines, sines = cosines_and_sines
    first, second = tf.split(tf.cast(heads, tf.float32), 2, -1)
    rotated = tf.concat([first * cosines - second * sines, second * cosines + first * sines], -1)
    return tf.cast(rotated, heads.dtype)
