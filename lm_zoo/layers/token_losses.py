"""The losses of tokens, which training, evaluation and exports share: sums, never quotients."""

import tensorflow as tf

from lm_zoo.types import Tensor


def token_nll(logits: Tensor, targets: Tensor) -> Tensor:
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


def row_losses(
    logits: Tensor, targets: Tensor, weights: Tensor, label_smoothing: float = 0.0
) -> Tensor:
    """Sums, over each row, of what training minimizes and of the negative log-likelihood.

    With label smoothing (Szegedy et al. 2016) a target's probability is not 1 but `1 -
    label_smoothing`, and `label_smoothing` is spread evenly over the whole vocabulary, the target
    included, as Keras and PyTorch have it.

    Args:
        logits: Shape `(batch, length, vocab_size)`.
        targets: Token ids, shape `(batch, length)`.
        weights: 1 for a target that counts, 0 for padding; shape `(batch, length)`.
        label_smoothing: From 0 to below 1; a Python number.

    Returns:
        `(objective, nats, tokens)`, each float32 `(batch,)`: the sum of the cross entropy to the
        smoothed targets, the sum of the negative log-likelihood (the same tensor without
        smoothing), and the number of targets in both. Never a quotient: a mean of means over uneven
        parts would be wrong.
    """
    weights = tf.cast(weights, tf.float32)
    logits = tf.cast(logits, tf.float32)
    nll = token_nll(logits, targets)  # (B, T)
    nll = tf.where(weights > 0.0, nll, 0.0)  # of padding it may be anything
    nats, tokens = tf.reduce_sum(nll * weights, 1), tf.reduce_sum(weights, 1)
    if not label_smoothing:
        return nats, nats, tokens
    # The cross entropy to the uniform distribution is the NLL and how far the target's logit is
    # above the mean one: no normalizer is computed twice, and no target becomes a whole row.
    logit = tf.gather(logits, targets, axis=2, batch_dims=2)  # (B, T)
    above_mean = logit - tf.reduce_mean(logits, axis=2)
    return tf.reduce_sum((nll + label_smoothing * above_mean) * weights, 1), nats, tokens
