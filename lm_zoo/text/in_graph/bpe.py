"""Byte-level BPE as TensorFlow ops, for use inside a SavedModel.

keras-hub 0.32's in-graph BytePairTokenizer is not used: it agrees with GPT-2 on ordinary text, but
it deletes the Devanagari digit six (its own marker), stops at a NUL, reads "ĴA" as
`<|endoftext|>`, and its SavedModels need tensorflow-text to load. Here the split into pieces is
computed over the whole batch at once from each character's class and its neighbours', and the
merges of all pieces run side by side, so plain TensorFlow loads it.
"""

import numpy as np
import tensorflow as tf

from lm_zoo.text.in_graph.bpe_merges import MergeRules
from lm_zoo.text.in_graph.bpe_pieces import piece_starts
from lm_zoo.text.in_graph.ops import (
    STRINGS,
    TOKEN_IDS,
    chain,
    join_pieces,
    next_place,
    shift,
)
from lm_zoo.text.in_graph.trie import NONE, Trie, words_from
from lm_zoo.text.special_tokens import CONTROL
from lm_zoo.text.tokenizers.bpe import byte_of


class BytePairModule(tf.Module):
    """Text to ids and back.

    Args:
        tokenizer: The `BytePairTokenizer` to copy.
        special_tokens: `control` or `text`: what special tokens written out in a text are.
    """

    def __init__(self, tokenizer, special_tokens=CONTROL):
        super().__init__(name="bpe_tokenizer")
        vocabulary, specials = tokenizer.vocabulary, tokenizer.specials
        self._split = tokenizer.split
        self._pieces = np.array(tokenizer.pieces, object)
        alphabet = sorted(byte_of().items(), key=lambda item: item[1])
        self._byte_ids = np.array([vocabulary[char] for char, _ in alphabet], np.int32)
        self._rules = MergeRules(vocabulary, tokenizer.merges)
        self._specials = None
        if specials and special_tokens == CONTROL:
            self._specials = Trie([[ord(c) for c in token] for token in specials])
            self._special_ids = np.array([vocabulary[token] for token in specials], np.int32)
        self.whole_pieces = None
        if tokenizer.ignore_merges:
            whole = [id for token, id in vocabulary.items() if token not in specials]
            self.whole_pieces = tf.lookup.StaticHashTable(
                tf.lookup.KeyValueTensorInitializer(
                    tf.constant([tokenizer.pieces[id] for id in whole]),
                    tf.constant(whole, tf.int32),
                ),
                default_value=NONE,
            )

    @tf.function(input_signature=[STRINGS], autograph=False)
    def tokenize(self, strings):
        """Returns the ids of each string, `(batch, None)`."""
        characters = tf.strings.unicode_decode(strings, "UTF-8")  # (batch, None)
        codes, rows = characters.flat_values, tf.cast(characters.value_rowids(), tf.int32)
        firsts = rows != shift(rows, 1, -1)
        token_at = tf.fill(tf.shape(codes), NONE)  # of what is one token, at its first character
        inside = tf.zeros_like(firsts)  # and where its other characters are
        if self._specials is not None:
            token_at, inside, firsts = self._find_specials(codes, firsts)
        starts = piece_starts(self._split, codes, firsts) & ~inside
        special = (token_at != NONE) | inside
        starts = tf.where(special, token_at != NONE, starts)
        if self.whole_pieces is not None:
            places = tf.boolean_mask(tf.range(tf.size(codes)), starts)
            texts = tf.RaggedTensor.from_row_starts(codes, places, validate=False)
            whole = self.whole_pieces.lookup(tf.strings.unicode_encode(texts, "UTF-8"))
            of_piece = tf.maximum(tf.cumsum(tf.cast(starts, tf.int32)) - 1, 0)
            whole = tf.where(special, NONE, tf.gather(tf.concat([whole, [NONE]], 0), of_piece))
            token_at = tf.where(starts & (whole != NONE), whole, token_at)
            inside |= ~starts & (whole != NONE)

        # Written anew, bytes that were not UTF-8 are U+FFFD: every character has its bytes.
        written = tf.strings.reduce_join(tf.strings.unicode_encode(characters, "UTF-8"))
        values = tf.cast(tf.reshape(tf.io.decode_raw(written, tf.uint8), (-1,)), tf.int32)
        leads = tf.bitwise.bitwise_and(values, 0xC0) != 0x80  # not a continuation byte
        of_character = tf.cumsum(tf.cast(leads, tf.int32)) - 1
        starts = leads & tf.gather(starts, of_character)
        token_at = tf.gather(token_at, of_character)
        pieces = tf.cumsum(tf.cast(starts, tf.int32)) - 1
        row_of_piece = tf.boolean_mask(tf.gather(rows, of_character), starts)

        symbols = tf.where(
            token_at != NONE, token_at, tf.gather(tf.constant(self._byte_ids), values)
        )
        kept = ~tf.gather(inside, of_character) & (leads | (token_at == NONE))
        symbols, pieces = tf.boolean_mask(symbols, kept), tf.boolean_mask(pieces, kept)
        symbols, pieces = self._rules.merge(symbols, pieces, tf.size(row_of_piece))
        return tf.RaggedTensor.from_value_rowids(
            symbols,
            tf.cast(tf.gather(row_of_piece, pieces), tf.int64),
            nrows=tf.size(strings, tf.int64),
            validate=False,
        )

    @tf.function(input_signature=[TOKEN_IDS], autograph=False)
    def detokenize(self, token_ids):
        """Returns the string of each row, `(batch,)`."""
        return join_pieces(self._pieces, token_ids)

    def _find_specials(self, codes, firsts):
        """Finds special tokens that are written out: the first one, and of several the longest.

        Returns:
            `(token_at, inside, firsts)`: the id of the special token that begins at each character,
            or -1; whether a character is inside one; and where what knows nothing before it begins.
        """
        size, depth = tf.size(codes), self._specials.depth
        nodes = tf.zeros_like(codes, tf.int64)
        found = words_from(self._specials, codes, next_place(firsts), nodes)
        lengths = tf.range(1, depth + 1) * tf.cast(found != NONE, tf.int32)
        longest = tf.reduce_max(lengths, axis=1)  # 0 where none begins

        def marked():
            begins = tf.cast(tf.where(longest > 0)[:, 0], tf.int32)
            after = begins + tf.gather(longest, begins)
            following = tf.searchsorted(begins, after)  # the next that does not overlap
            number = tf.size(begins)
            taken = chain(tf.range(number) == 0, following, tf.fill([number], number))
            begins, after = tf.boolean_mask(begins, taken), tf.boolean_mask(after, taken)
            word = tf.gather(found, begins)  # (specials, depth)
            word = tf.gather(word, after - begins - 1, batch_dims=1)
            ids = tf.gather(tf.constant(self._special_ids), word)
            token_at = tf.tensor_scatter_nd_update(
                tf.fill([size], NONE), begins[:, tf.newaxis], ids
            )
            steps = tf.math.unsorted_segment_sum(tf.ones_like(begins), begins, size + 1)
            steps -= tf.math.unsorted_segment_sum(tf.ones_like(after), after, size + 1)
            within = tf.cumsum(steps)[:-1] > 0
            edges = tf.math.unsorted_segment_sum(tf.ones_like(after), after, size + 1)[:-1] > 0
            return token_at, within & (token_at == NONE), firsts | edges | (token_at != NONE)

        def unmarked():
            return tf.fill([size], NONE), tf.zeros_like(firsts), firsts

        return tf.cond(tf.reduce_any(longest > 0), marked, unmarked)
