"""Working through texts inside a graph, so many at a time that memory is bounded."""

import tensorflow as tf

from lm_zoo.limits import MAX_TOKENS


def over_groups(lengths, read, value, most_texts=MAX_TOKENS):
    """Works through texts, so many of like length at a time that memory is bounded.

    Args:
        lengths: Of the texts, int32 `(batch,)`.
        read: Function `(value, rows) -> value` of a tensor and of the numbers of some texts, int32
            `(texts,)`.
        value: The tensor before the first texts; its shape stays.
        most_texts: At a time.

    Returns:
        The tensor after the last texts.
    """
    order = tf.argsort(lengths, direction="DESCENDING", stable=True)

    def group(begin, value):
        most = tf.clip_by_value(MAX_TOKENS // lengths[order[begin]], 1, most_texts)
        rows = order[begin : begin + most]
        return begin + tf.size(rows), read(value, rows)

    _, value = tf.while_loop(
        lambda begin, _: begin < tf.size(lengths),
        group,
        (tf.constant(0), value),
        shape_invariants=(tf.TensorShape([]), value.shape),
    )
    return value


def at_most(name, number, limit):
    """Returns the check, in a list, that no row has more tokens than a limit, None for any.

    Args:
        name: The input that the error names.
        number: Tokens that the longest row has the model read, int32 scalar.
        limit: An int, or None.
    """
    if limit is None:
        return []
    expected = (
        f"{name}: expected at most {limit} tokens per text, including the end token, received"
    )
    check = tf.debugging.Assert(number <= limit, [expected, number])
    return [] if check is None else [check]


def within_limit(token_ids, name, limit, more=0):
    """Returns the ids of texts after checking that each keeps to a limit.

    Args:
        token_ids: int32 RaggedTensor `(texts, None)`.
        name: The input that the error names.
        limit: Most tokens, an int, or None.
        more: Tokens that each text has besides those given.
    """
    lengths = tf.cast(token_ids.row_lengths(), tf.int32)
    longest = tf.reduce_max(tf.concat([lengths, [0]], 0)) + more
    with tf.control_dependencies(at_most(name, longest, limit)):
        return tf.identity(token_ids)
