"""What the modules of tokenizers are made of: work on vectors of characters.

The texts of a batch lie end to end in one vector; what is true of a place, such as that a text
begins there, is a vector of as many flags.
"""

import tensorflow as tf

STRINGS = tf.TensorSpec((None,), tf.string)
TOKEN_IDS = tf.RaggedTensorSpec((None, None), tf.int32, ragged_rank=1)


def id_table(words, ids, unknown):
    """Returns the table word -> id, of strings; any other word is `unknown`."""
    initializer = tf.lookup.KeyValueTensorInitializer(
        tf.constant(words), tf.constant(ids, tf.int32)
    )
    return tf.lookup.StaticHashTable(initializer, default_value=unknown)


def in_rows(values, rows, strings):
    """Returns what belongs to each of the strings, a RaggedTensor `(batch, None)`.

    Args:
        values: Of all strings, one string's after another's.
        rows: The string that each belongs to, integers of that shape.
        strings: `(batch,)`.
    """
    return tf.RaggedTensor.from_value_rowids(
        values, tf.cast(rows, tf.int64), nrows=tf.size(strings, tf.int64), validate=False
    )


def join_pieces(pieces, token_ids, separator=""):
    """Joins the bytes of each row's ids.

    Args:
        pieces: The bytes of each id, a numpy array of objects.
        token_ids: int32 RaggedTensor `(batch, None)`.
        separator: What goes between two pieces.

    Returns:
        Strings, `(batch,)`.
    """
    table = tf.constant(pieces)
    flat = tf.gather(table, token_ids.flat_values)  # on the CPU, which refuses unknown ids
    return tf.strings.reduce_join(token_ids.with_flat_values(flat), axis=1, separator=separator)


def shift(values, by, fill):
    """Moves a vector's values `by` places to the right, or left if negative, filled with `fill`."""
    count = tf.minimum(abs(by), tf.size(values))
    padding = tf.fill([count], tf.constant(fill, values.dtype))
    if by >= 0:
        return tf.concat([padding, values[: tf.size(values) - count]], axis=0)
    return tf.concat([values[count:], padding], axis=0)


def next_place(flags):
    """Returns the next place after each that is flagged, or the number of places."""
    flagged = tf.cast(tf.where(flags)[:, 0], tf.int32)
    flagged = tf.concat([flagged, [tf.size(flags)]], axis=0)
    return tf.gather(flagged, tf.searchsorted(flagged, tf.range(tf.size(flags)), side="right"))


def chain(starts, following, ends):
    """Follows from each start the places that come after one another.

    By doubling: what is reached in two, four, eight steps is known from what is in half as many, so
    that a chain of n places takes log n passes over all of them.

    Args:
        starts: Where chains begin, bool `(places,)`.
        following: The place after each, beyond it, int32 `(places,)`.
        ends: Where the chain that a place may be in is at its end, int32 `(places,)`.

    Returns:
        Whether a chain has been at a place, bool `(places,)`.
    """
    size = tf.size(following)
    nowhere = tf.fill([1], size)

    def double(visited, leap, _):
        reached = tf.boolean_mask(leap, visited[:-1])  # some are nowhere, the place after the last
        ones = tf.ones_like(reached, tf.bool)
        visited = tf.tensor_scatter_nd_update(visited, reached[:, tf.newaxis], ones)
        leap = tf.gather(tf.concat([leap, nowhere], axis=0), leap)
        return visited, leap, tf.reduce_any(leap < size)

    leap = tf.where(following < ends, following, size)
    visited, *_ = tf.while_loop(
        lambda visited, leap, goes_on: goes_on,
        double,
        (tf.concat([starts, [False]], axis=0), leap, tf.reduce_any(leap < size)),
    )
    return visited[:-1]
