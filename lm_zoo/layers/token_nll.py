"""The negative log-likelihood of tokens, which training, evaluation and exports share."""

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
