"""A set of words as sorted arrays, for TensorFlow ops to look up at all places of a text."""

import numpy as np

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
