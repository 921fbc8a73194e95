"""Looking words up in a text with TensorFlow ops: all places of the text side by side."""

import numpy as np
import tensorflow as tf

from lm_zoo.text.tokenizers.trie import CODE_BITS, NONE


def words_from(trie, codes, ends, nodes):
    """Finds the words that begin at each place.

    Args:
        trie: A `Trie` with at least one word.
        codes: The text, int32 `(places,)`.
        ends: Where the words that begin at a place must have ended, int32 `(places,)`.
        nodes: The node to begin with at each place (0 is the root), int64 `(places,)`.

    Returns:
        int32 `(places, trie.depth)`: at `[i, n]` the index of the word of n + 1 codes from i on, or
        -1 if there is none.
    """
    keys, word_at = tf.constant(trie.keys), tf.constant(trie.word_at)
    codes, places = tf.cast(codes, tf.int64), tf.range(tf.size(codes))

    def step(length, nodes, found):
        here = tf.minimum(places + length, tf.size(codes) - 1)
        wanted = tf.bitwise.left_shift(nodes, np.int64(CODE_BITS)) + tf.gather(codes, here)
        edges = tf.minimum(tf.searchsorted(keys, wanted), len(trie.keys) - 1)
        goes_on = (nodes != NONE) & (places + length < ends) & (tf.gather(keys, edges) == wanted)
        nodes = tf.where(goes_on, tf.cast(edges, tf.int64) + 1, NONE)
        words = tf.where(goes_on, tf.gather(word_at, tf.maximum(nodes, 0)), NONE)
        return length + 1, nodes, found.write(length, words)

    found = tf.TensorArray(tf.int32, size=trie.depth, element_shape=(None,))
    *_, found = tf.while_loop(
        lambda length, nodes, found: length < trie.depth, step, (0, nodes, found)
    )
    return tf.transpose(found.stack())


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
