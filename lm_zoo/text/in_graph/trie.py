"""A set of words as sorted arrays, looked up at all places of a text side by side."""

import numpy as np
import tensorflow as tf

CODE_BITS = 21  # code points end at 0x10FFFF; the codes above them are free for marks of our own
NONE = -1


class Trie:
    """Words as a tree of code points.

    Node 0 is the root, node n + 1 is where edge n leads. An edge's key is (parent << 21) + code.

    Args:
        words: Different words, each a sequence of codes below 2 ** 21, none empty.

    Attributes:
        keys: The edges in ascending order, int64 `(nodes - 1,)`.
        word_at: The index of the word that ends at each node, or -1, int32 `(nodes,)`.
        depth: Length of the longest word.
    """

    def __init__(self, words):
        lengths = np.array([len(word) for word in words], np.int64)
        codes = np.fromiter((c for word in words for c in word), np.int64, lengths.sum())
        begins = np.cumsum(lengths) - lengths
        self.depth = int(lengths.max(initial=0))
        nodes = np.zeros(len(words), np.int64)
        keys, num_nodes = [], 1
        for place in range(self.depth):
            longer = np.flatnonzero(lengths > place)
            edges = (nodes[longer] << CODE_BITS) + codes[begins[longer] + place]
            level, which = np.unique(edges, return_inverse=True)
            nodes[longer] = num_nodes + which
            num_nodes += len(level)
            keys.append(level)  # of later levels are above: their parents' numbers are
        self.keys = np.concatenate([np.zeros(0, np.int64), *keys])
        self.word_at = np.full(num_nodes, NONE, np.int32)
        self.word_at[nodes] = np.arange(len(words), dtype=np.int32)

    def find(self, codes):
        """Returns the node that a sequence of codes leads to, or -1."""
        node = 0
        for code in codes:
            key = (node << CODE_BITS) + code
            place = int(np.searchsorted(self.keys, key))
            if place == len(self.keys) or self.keys[place] != key:
                return NONE
            node = place + 1
        return node


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
