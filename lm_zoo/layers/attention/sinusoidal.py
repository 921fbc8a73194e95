"""Positions as sines and cosines (Vaswani et al. 2017)."""

import tensorflow as tf


def sinusoidal(positions, width):
    """Returns a vector for each position, with wavelengths from 2 pi to 10,000 times 2 pi.

    Args:
        positions: Integers, any shape.
        width: Of a vector; even. Dimension 2 i is a sine, 2 i + 1 the cosine of the same angle.

    Returns:
        float32, `positions.shape + (width,)`.
    """
    exponents = tf.range(0, width, 2, dtype=tf.float32) / width
    angles = tf.cast(positions, tf.float32)[..., None] * tf.pow(10000.0, -exponents)
    pairs = tf.stack([tf.sin(angles), tf.cos(angles)], -1)  # (..., width / 2, 2)
    return tf.reshape(pairs, tf.concat([tf.shape(positions), [width]], 0))
