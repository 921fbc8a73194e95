"""Chinese word segmentation as TensorFlow ops, for use inside a SavedModel.

Runs of characters that can be in words are cut by the most probable path through the dictionary,
from the end of each run to its beginning, in float64 and in the order of the reference's additions,
so that both choose alike to the last bit. All runs go side by side.
"""

import math

import numpy as np
import tensorflow as tf

from lm_zoo.text.in_graph.module import TokenizerModule
from lm_zoo.text.in_graph.ops import chain, id_table, in_rows, shift
from lm_zoo.text.in_graph.trie import NONE, Trie, words_from
from lm_zoo.text.special_tokens import CONTROL

# Of these a run is made; any other character is a word of its own (jieba-rs' rule).
IN_RUNS = (
    *((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x2A6DF)),
    *((0x2A700, 0x2B73F), (0x2B740, 0x2B81F), (0x2B820, 0x2CEAF), (0x2CEB0, 0x2EBEF)),
    *((0x2F800, 0x2FA1F), (ord("a"), ord("z")), (ord("A"), ord("Z")), (ord("0"), ord("9"))),
    *((ord(c), ord(c)) for c in "+#&._%-"),
)
LETTERS = ((ord("a"), ord("z")), (ord("A"), ord("Z")), (ord("0"), ord("9")))


class ChineseWordModule(TokenizerModule):
    """Chinese text to the ids of its words and back."""

    def __init__(self, tokenizer, special_tokens=CONTROL):
        super().__init__(tokenizer)
        frequencies = tokenizer.checked_dictionary().frequencies
        log_total = math.log(sum(frequencies.values()))
        self._trie = Trie([list(map(ord, word)) for word in frequencies])
        # The last one is of a character that begins no word: frequency 1.
        scores = [math.log(n) - log_total for n in frequencies.values()] + [-log_total]
        self._scores = np.array(scores, np.float64)
        self.pieces = np.array(tokenizer.pieces, object)
        written = tokenizer.pieces[1:]  # <eos> is written as a newline
        self.id_of = id_table(written, list(range(1, tokenizer.vocab_size)), tokenizer.unk_id)

    def ids(self, strings):
        characters = tf.strings.unicode_decode(strings, "UTF-8")  # (batch, None)
        rows, codes = characters.value_rowids(), characters.flat_values
        starts = self._word_starts(codes, tf.cast(rows, tf.int32))
        words = tf.RaggedTensor.from_row_starts(
            codes, tf.boolean_mask(tf.range(tf.size(codes)), starts), validate=False
        )
        ids = self.id_of.lookup(tf.strings.unicode_encode(words, "UTF-8"))
        return in_rows(ids, tf.boolean_mask(rows, starts), strings)

    def _word_starts(self, codes, rows):
        places = tf.range(tf.size(codes))
        in_run = _within(codes, IN_RUNS)
        new_row = rows != shift(rows, 1, -1)
        run_starts = new_row | ~in_run | ~shift(in_run, 1, False)  # others are runs of one
        firsts = tf.boolean_mask(places, run_starts)
        run_ends = tf.concat([firsts, [tf.size(codes)]], axis=0)[1:]
        of_run = tf.maximum(tf.cumsum(tf.cast(run_starts, tf.int32)) - 1, 0)
        ends = tf.gather(run_ends, of_run)

        words = words_from(self._trie, codes, ends, tf.zeros_like(codes, tf.int64))
        # A character that begins no word of the dictionary is one, of frequency 1.
        alone = tf.reduce_all(words == NONE, axis=1)
        first_column = tf.where(alone, len(self._scores) - 1, words[:, 0])
        words = tf.concat([first_column[:, tf.newaxis], words[:, 1:]], axis=1)
        following = self._best_path(words, firsts, run_ends)

        starts = chain(run_starts, following, ends)
        letters = starts & (following == places + 1) & _within(codes, LETTERS)
        return starts & ~(letters & shift(letters, 1, False) & ~run_starts)

    def _best_path(self, words, firsts, ends):
        """Returns where the word that begins at each place ends, on the best path to the run's end.

        Args:
            words: Index of the word of each length from each place, int32 `(places, depth)`.
            firsts: Where the runs begin, int32 `(runs,)`.
            ends: Where they end, int32 `(runs,)`.
        """
        depth, num_places = self._trie.depth, tf.shape(words)[0]
        lengths = ends - firsts
        order = tf.argsort(lengths, direction="DESCENDING", stable=True)  # the long ones go on
        lengths, ends = tf.gather(lengths, order), tf.gather(ends, order)
        longest = tf.reduce_max(tf.concat([lengths, [0]], axis=0))
        # How many runs have a place so far from their ends.
        counts = tf.searchsorted(-lengths, -tf.range(1, longest + 1), side="right")
        words = words[:, ::-1]  # of equals, the longest word
        scores = tf.where(
            words == NONE,
            tf.constant(-np.inf, tf.float64),
            tf.gather(tf.constant(self._scores), tf.maximum(words, 0)),
        )

        def step(distance, best, chosen):
            count = counts[distance - 1]
            totals = tf.gather(scores, ends[:count] - distance) + best[:count]  # (runs, depth)
            which = tf.argmax(totals, axis=1, output_type=tf.int32)
            score = tf.gather(totals, which[:, tf.newaxis], batch_dims=1)
            best = tf.ensure_shape(tf.concat([best[:count, 1:], score], axis=1), [None, depth])
            return distance + 1, best, chosen.write(distance - 1, which)

        # Of each run, the scores from the places after the last one on: the nearest stands last.
        best = tf.zeros([tf.size(lengths), depth], tf.float64)
        chosen = tf.TensorArray(tf.int32, longest, element_shape=(None,), infer_shape=False)
        *_, chosen = tf.while_loop(
            lambda distance, *_: distance <= longest,
            step,
            (1, best, chosen),
            shape_invariants=(tf.TensorShape([]), tf.TensorShape([None, depth]), None),
        )
        chosen = tf.cond(longest > 0, chosen.concat, lambda: tf.zeros([0], tf.int32))
        distances = tf.repeat(tf.range(1, longest + 1), counts)
        runs = tf.range(tf.size(distances)) - tf.repeat(tf.cumsum(counts, exclusive=True), counts)
        here = tf.gather(ends, runs) - distances
        return tf.scatter_nd(here[:, tf.newaxis], here + depth - chosen, [num_places])


def _within(codes, ranges):
    inside = tf.zeros_like(codes, tf.bool)
    for first, last in ranges:
        inside |= (codes >= first) & (codes <= last)
    return inside
