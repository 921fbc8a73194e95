"""Choosing the next token from logits: pure tensor functions, for Python and graph loops alike."""

from typing import NamedTuple

import tensorflow as tf

from lm_zoo.generation.random_keys import uniform_numbers


class SamplingSettings(NamedTuple):
    """Tensors, so that other settings need no other trace: one value a row, shape `(batch,)`.

    Attributes:
        temperature: float32; 0 is greedy.
        top_k: int32; 0 is off.
        top_p: float32; 1 is off.
        key: What a row's random choices depend on, from `row_keys`, int32.
        repetition_penalty: float32 scalar; 1 is off.
    """

    temperature: tf.Tensor
    top_k: tf.Tensor
    top_p: tf.Tensor
    key: tf.Tensor
    repetition_penalty: tf.Tensor

    @classmethod
    def from_options(cls, options, keys):
        """Makes the tensors from a `GenerationOptions` that holds for all rows, and their keys."""
        batch_size = len(keys)
        return cls(
            tf.fill([batch_size], tf.constant(options.temperature, tf.float32)),
            tf.fill([batch_size], tf.constant(options.top_k, tf.int32)),
            tf.fill([batch_size], tf.constant(options.top_p, tf.float32)),
            tf.convert_to_tensor(keys, tf.int32),
            tf.constant(options.repetition_penalty, tf.float32),
        )


def penalize_repetition(logits, seen, penalty):
    """Makes tokens that were read before less likely (CTRL, Keskar et al. 2019).

    Args:
        logits: Shape `(batch, vocab_size)`.
        seen: Booleans, shape `(batch, vocab_size)`: whether the row holds the token.
        penalty: Positive scalar; 1 changes nothing.

    Returns:
        Logits, shape `(batch, vocab_size)`.
    """
    penalized = tf.where(logits > 0, logits / penalty, logits * penalty)
    return tf.where(seen, penalized, logits)


def filter_logits(logits, top_k, top_p):
    """Removes all but the likeliest tokens: first by number, then by their probability together.

    Tokens as likely as the last one that stays, stay too: nothing justifies a choice among them.

    Args:
        logits: Shape `(batch, vocab_size)`, temperature applied.
        top_k: How many stay, int32 `(batch,)`; 0 means all.
        top_p: The least probability that stays, float32 `(batch,)`; 1 means all.

    Returns:
        Logits, with minus infinity for what was removed, shape `(batch, vocab_size)`.
    """
    vocab_size = tf.shape(logits)[-1]

    def filtered():
        ordered = tf.sort(logits, axis=-1, direction="DESCENDING")
        k = tf.where(top_k > 0, tf.minimum(top_k, vocab_size), vocab_size)
        among_k = ordered >= tf.gather(ordered, k[:, None] - 1, batch_dims=1)
        ordered = tf.where(among_k, ordered, -float("inf"))
        # The first token always stays: nothing comes before it.
        before = tf.cumsum(tf.nn.softmax(ordered), axis=-1, exclusive=True)
        stays = among_k & ((before < top_p[:, None]) | (top_p[:, None] >= 1))
        lowest = tf.reduce_min(tf.where(stays, ordered, float("inf")), axis=-1, keepdims=True)
        return tf.where(logits >= lowest, logits, -float("inf"))

    # Sorting a large vocabulary costs more than a small model's step.
    return tf.cond(tf.reduce_any((top_k > 0) | (top_p < 1)), filtered, lambda: logits)


def sample_tokens(logits, uniform):
    """Draws a token per row by inverting the cumulative distribution.

    Args:
        logits: Shape `(batch, vocab_size)`.
        uniform: float64 in the open interval from 0 to 1, shape `(batch,)`.

    Returns:
        Token ids, int32, shape `(batch,)`.
    """
    probabilities = tf.nn.softmax(tf.cast(logits, tf.float64))
    cumulative = tf.cumsum(probabilities, axis=-1)
    drawn = uniform[:, None] * cumulative[:, -1:]
    tokens = tf.reduce_sum(tf.cast(cumulative <= drawn, tf.int32), axis=-1)
    return tf.minimum(tokens, tf.shape(logits)[-1] - 1)


def choose_tokens(logits, seen, token_index, settings, vocab_size=None):
    """Chooses the next token of each row by `settings`.

    Args:
        logits: Shape `(batch, num_rows)`: those of the tokens, and of rows that stand for none
            after them, which are part of the softmax and never chosen.
        seen: Booleans, shape `(batch, vocab_size)`, or None where nothing is penalised.
        token_index: Which token of its text each row chooses, int32, shape `(batch,)`.
        settings: `SamplingSettings`.
        vocab_size: How many tokens there are, a Python int; None means as many as rows.

    Returns:
        `(tokens, log_probs)`: int32 and float32, shape `(batch,)`. The log-probability, in nats, is
        the model's own: at temperature 1, without filter and penalty.
    """
    logits = tf.cast(logits, tf.float32)
    adjusted = logits[:, :vocab_size]
    if seen is not None:
        adjusted = penalize_repetition(adjusted, seen, settings.repetition_penalty)
    samples = settings.temperature > 1e-30  # smaller ones are flushed to 0 on some devices
    likeliest = tf.argmax(adjusted, axis=-1, output_type=tf.int32)

    def sampled():
        # The largest logit is taken off first, so that a tiny temperature cannot overflow.
        shifted = adjusted - tf.reduce_max(adjusted, axis=-1, keepdims=True)
        shifted /= tf.where(samples, settings.temperature, 1.0)[:, None]
        filtered = filter_logits(shifted, settings.top_k, settings.top_p)
        uniform = uniform_numbers(settings.key, token_index)
        return tf.where(samples, sample_tokens(filtered, uniform), likeliest)

    tokens = tf.cond(tf.reduce_any(samples), sampled, lambda: likeliest)
    log_probs = tf.gather(tf.nn.log_softmax(logits), tokens, batch_dims=1)
    return tokens, log_probs


def mark_seen(seen, tokens):
    """Adds one token per row to `seen`; shapes `(batch, vocab_size)` and `(batch,)`."""
    return seen | tf.one_hot(tokens, tf.shape(seen)[-1], on_value=True, off_value=False)
