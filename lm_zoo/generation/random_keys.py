"""Where the random numbers of a text come from: its seed, its prompt, and which of the texts it is.

All are hashes (MurmurHash3's finalizer, chained). TensorFlow's stateless generators take one key for
a whole tensor, so that a row's numbers would depend on its position, and give other numbers under
XLA.
"""

import collections

import numpy as np
import tensorflow as tf


def row_keys(token_ids, lengths, seed, draw):
    """Gives each row the key that decides its random choices.

    Args:
        token_ids: The prompts, int32 `(batch, length)`, padded on the right with anything.
        lengths: Tokens of each prompt, int32 `(batch,)`.
        seed: int32, a scalar or `(batch,)`.
        draw: Which of the texts of this prompt and seed each row is, int32 `(batch,)`; see `draws`.

    Returns:
        int32 `(batch,)`.
    """
    text = tf.cast(prompt_hashes(token_ids, lengths), tf.uint32)  # its lower half
    key = _mix(tf.cast(seed, tf.uint32) + tf.constant(0x9E3779B9, tf.uint32))
    key = _mix(key + _mix(tf.cast(draw, tf.uint32)) * tf.constant(0x85EBCA77, tf.uint32))
    key = _mix(key + text * tf.constant(0x27D4EB2F, tf.uint32))
    return tf.bitcast(key, tf.int32)


def prompt_hashes(token_ids, lengths):
    """Returns a number that differs between prompts, whatever their padding: int64 `(batch,)`."""
    position = tf.range(tf.shape(token_ids)[1])
    there = position < lengths[:, None]  # (B, L)
    halves = []
    for salt in (0x165667B1, 0x7FEB352D):
        each = _mix(tf.cast(position, tf.uint32) * tf.constant(0x9E3779B1, tf.uint32) + salt)
        each = _mix(each + tf.cast(token_ids, tf.uint32) * tf.constant(0x85EBCA77, tf.uint32))
        # A sum, so that all positions are hashed at once; it wraps, as meant.
        total = tf.reduce_sum(tf.where(there, tf.bitcast(each, tf.int32), 0), axis=1)
        mixed = _mix(tf.bitcast(total, tf.uint32) + tf.cast(lengths, tf.uint32))
        halves.append(tf.cast(mixed, tf.int64))
    return tf.bitwise.left_shift(halves[0], tf.constant(32, tf.int64)) | halves[1]


def draws(prompts, num_return_sequences=1):
    """Numbers the texts of equal prompts, so that a prompt given twice is answered in two ways.

    Args:
        prompts: Hashable values, one for each prompt of a call.
        num_return_sequences: Texts of each prompt.

    Returns:
        For each prompt the `draw` of its first text, a list of ints; its others follow. The first
        of equal prompts has 0, as if it were alone.
    """
    before, result = collections.Counter(), []
    for prompt in prompts:
        result.append(before[prompt] * num_return_sequences)
        before[prompt] += 1
    return result


def draws_in_graph(token_ids, lengths, seed):
    """Like `draws` with one text per prompt, for rows that each have their own seed.

    Args:
        token_ids: Prompts, padded on the right, int32 `(batch, length)`.
        lengths: Tokens of each prompt, int32 `(batch,)`.
        seed: int32 `(batch,)`; only rows of one seed count as equal.

    Returns:
        int32 `(batch,)`.
    """
    hashes = prompt_hashes(token_ids, lengths)
    _, prompt = tf.unique(hashes, tf.int64)
    num_rows = tf.size(seed)
    group = prompt * 2**31 + tf.cast(seed, tf.int64)  # (B,)
    order = tf.argsort(group, stable=True)
    ordered = tf.gather(group, order)
    rank = tf.range(num_rows) - tf.searchsorted(ordered, ordered)
    return tf.scatter_nd(order[:, None], rank, tf.shape(seed))


def padded(prompts):
    """Returns the `(token_ids, lengths)` of lists of token ids, as numpy arrays of int32."""
    lengths = np.array([len(prompt) for prompt in prompts], np.int32)
    token_ids = np.zeros((len(prompts), lengths.max(initial=0)), np.int32)
    for row, prompt in zip(token_ids, prompts):
        row[: len(prompt)] = prompt
    return token_ids, lengths


def uniform_numbers(key, token_index):
    """Random numbers that are a function of a row's key and the token's index alone.

    Args:
        key: From `row_keys`, int32 `(batch,)`.
        token_index: Which token of the text, int32, shape `(batch,)`.

    Returns:
        float64 in the open interval from 0 to 1, shape `(batch,)`.
    """
    key = tf.bitcast(key, tf.uint32)
    key = _mix(key + _mix(tf.cast(token_index, tf.uint32)) * tf.constant(0xC2B2AE3D, tf.uint32))
    return (tf.cast(key, tf.float64) + 0.5) / 2.0**32


def _mix(value):
    """A bijection of 32-bit numbers; every bit of the input moves every bit of the output."""
    shift = tf.bitwise.right_shift
    value = tf.bitwise.bitwise_xor(value, shift(value, tf.constant(16, tf.uint32)))
    value *= tf.constant(0x85EBCA6B, tf.uint32)
    value = tf.bitwise.bitwise_xor(value, shift(value, tf.constant(13, tf.uint32)))
    value *= tf.constant(0xC2B2AE35, tf.uint32)
    return tf.bitwise.bitwise_xor(value, shift(value, tf.constant(16, tf.uint32)))
