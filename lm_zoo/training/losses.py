"""The language-model loss, as a sum and a count: whoever reduces over parts divides once, last."""

import tensorflow as tf

from lm_zoo.layers.token_nll import token_nll


def token_losses(logits, targets, weights, label_smoothing=0.0):
    """Sums of what training minimizes and of the negative log-likelihood, over the same targets.

    With label smoothing (Szegedy et al. 2016) a target's probability is not 1 but `1 -
    label_smoothing`, and `label_smoothing` is spread evenly over the whole vocabulary, the target
    included, as Keras and PyTorch have it.

    Args:
        logits: Shape `(batch, length, vocab_size)`.
        targets: Token ids, shape `(batch, length)`.
        weights: 1 for a target that counts, 0 for padding; shape `(batch, length)`.
        label_smoothing: From 0 to below 1; a Python number.

    Returns:
        `(objective, nats, tokens)`: three float32 scalars: the sum of the cross entropy to the
        smoothed targets, the sum of the negative log-likelihood (the same tensor without
        smoothing), and the number of targets in both. Never a quotient: a mean of means over uneven
        parts would be wrong.
    """
    weights = tf.cast(weights, tf.float32)
    logits = tf.cast(logits, tf.float32)
    nll = token_nll(logits, targets)  # (B, T)
    nats, tokens = tf.reduce_sum(nll * weights), tf.reduce_sum(weights)
    if not label_smoothing:
        return nats, nats, tokens
    # The cross entropy to the uniform distribution is the NLL and how far the target's logit is
    # above the mean one: no normalizer is computed twice, and no target becomes a whole row.
    logit = tf.gather(logits, targets, axis=2, batch_dims=2)  # (B, T)
    above_mean = logit - tf.reduce_mean(logits, axis=2)
    return tf.reduce_sum((nll + label_smoothing * above_mean) * weights), nats, tokens
