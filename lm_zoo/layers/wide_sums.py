"""Additions whose gradients sum over tokens in float32, whatever dtype the tokens have.

A gradient that goes to something which many tokens share is a sum over them. In bfloat16 such a sum
stops growing at some 256 times its largest term: of a constant gradient of 4,096 tokens,
TensorFlow's `BiasAddGrad` keeps 15.6 % on a CPU; its `reduce_sum` loses 0.4 % of 4,096 float16
terms. Matrix products need no such care: they sum in float32 and round once.
"""

import tensorflow as tf


@tf.custom_gradient
def add_shared(x, shared):
    """Adds the same to every token: a bias, or the position vectors of every row.

    Args:
        x: Shape `(..., *shared.shape)`.
        shared: Of any floating dtype, and its gradient has the same; cast to that of `x`.

    Returns:
        The sum, in the dtype of `x`.
    """
    addend = tf.cast(shared, x.dtype)
    # TensorFlow fuses a product with `bias_add`.
    total = tf.nn.bias_add(x, addend) if shared.shape.rank == 1 else x + addend

    def gradient(d_total):
        if x.shape.rank == shared.shape.rank:  # each token has its own
            return d_total, tf.cast(d_total, shared.dtype)
        shape = tf.shape(shared)
        flat = tf.reshape(tf.cast(d_total, tf.float32), (-1, tf.reduce_prod(shape)))
        # The fastest of the sums over the first axis.
        d_shared = tf.raw_ops.BiasAddGrad(out_backprop=flat)
        return d_total, tf.cast(tf.reshape(d_shared, shape), shared.dtype)

    return total, gradient


@tf.custom_gradient
def add_each_to_each(first, second):
    """Adds every vector of a text to every vector of another.

    Args:
        first: Shape `(batch, length, width)`.
        second: Shape `(batch, other_length, width)`, of the same dtype.

    Returns:
        Shape `(batch, length, other_length, width)`.
    """

    def gradient(d_total):
        wide = tf.cast(d_total, tf.float32)
        return tuple(tf.cast(tf.reduce_sum(wide, axis), d_total.dtype) for axis in (2, 1))

    return first[:, :, None] + second[:, None], gradient
