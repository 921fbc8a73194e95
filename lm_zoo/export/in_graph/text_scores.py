"""Log-probabilities of texts inside a graph, summed up, and within bounded memory."""

import tensorflow as tf

from lm_zoo.layers.token_losses import token_nll
from lm_zoo.limits import MAX_LOGITS


def totals(log_probs):
    """Sums up the log-probabilities of each text's tokens.

    Args:
        log_probs: In nats, NaN where a token was not scored: float32 RaggedTensor `(batch, None)`.

    Returns:
        A dict of tensors of shape `(batch,)`: `log_prob`, float32, of the tokens scored, in nats;
        `num_tokens`, int32, how many they are; `perplexity`, float32, per token scored, NaN where
        there is none.
    """
    values = tf.cast(log_probs.flat_values, tf.float64)
    scored = ~tf.math.is_nan(values)
    total = tf.reduce_sum(log_probs.with_flat_values(tf.where(scored, values, 0)), axis=1)
    count = tf.reduce_sum(log_probs.with_flat_values(tf.cast(scored, tf.float64)), axis=1)
    return {
        "log_prob": tf.cast(total, tf.float32),
        "num_tokens": tf.cast(count, tf.int32),
        "perplexity": tf.cast(tf.exp(-total / count), tf.float32),
    }


def nll_in_parts(model, features, targets):
    """Returns the targets' `token_nll`; never has many more logits than `MAX_LOGITS`.

    It works under XLA too.

    Args:
        model: A `TracedModel`.
        features: Shape `(batch, length, width)`.
        targets: int32 `(batch, length)`.
    """
    batch, length = tf.unstack(tf.shape(targets))
    most = MAX_LOGITS // (tf.maximum(batch, 1) * model.vocab_size)
    most = tf.clip_by_value(most, 1, tf.maximum(length, 1))
    parts = (length + most - 1) // most
    padding = [[0, 0], [0, parts * most - length]]

    def parted(t):  # (B, T, ...) -> (parts, B, most, ...)
        t = tf.pad(t, padding + [[0, 0]] * (t.shape.rank - 2))
        t = tf.reshape(t, tf.concat([[batch, parts, most], tf.shape(t)[2:]], 0))
        return tf.transpose(t, (1, 0, *range(2, t.shape.rank)))

    nll = tf.map_fn(
        lambda part: token_nll(model.logits(part[0]), part[1]),
        (parted(features), parted(targets)),
        fn_output_signature=tf.TensorSpec((None, None), tf.float32),
    )  # (parts, B, most)
    nll = tf.reshape(tf.transpose(nll, (1, 0, 2)), [batch, parts * most])
    return nll[:, :length]
