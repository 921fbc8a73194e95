"""The language-model loss, as a sum and a count: whoever reduces over parts divides once, last."""

import tensorflow as tf


def token_nll(logits, targets):
    """Negative log-likelihood of each target.

    Args:
        logits: Shape `(batch, length, vocab_size)`.
        targets: Token ids, shape `(batch, length)`.

    Returns:
        Nats, float32, shape `(batch, length)`.
    """
    return tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels=targets, logits=tf.cast(logits, tf.float32)
    )


def token_nll_sum(logits, targets, weights):
    """Sum of the negative log-likelihood over the targets that count.

    Args:
        logits: Shape `(batch, length, vocab_size)`.
        targets: Token ids, shape `(batch, length)`.
        weights: 1 for a target that counts, 0 for padding; shape `(batch, length)`.

    Returns:
        `(nats, tokens)`: two float32 scalars, the sum and the number of targets in it. Never their
        quotient: a mean of means over uneven parts would be wrong.
    """
    weights = tf.cast(weights, tf.float32)
    return tf.reduce_sum(token_nll(logits, targets) * weights), tf.reduce_sum(weights)
