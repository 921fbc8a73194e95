"""GPT-2's byte-level BPE as TensorFlow ops, for use inside a SavedModel.

keras-hub 0.32's in-graph BytePairTokenizer is not used: it agrees with GPT-2 on ordinary text, but
it deletes the Devanagari digit six (its own marker), stops at a NUL, reads "ĴA" as
`<|endoftext|>`, and its SavedModels need tensorflow-text to load. Here the split into pieces is
computed over the whole batch at once from each character's class and its neighbours', and the
merges of all pieces run side by side, so plain TensorFlow loads it.
"""

import functools

import numpy as np
import tensorflow as tf

from lm_zoo.text.tokenizers.bpe import END_OF_TEXT, byte_of
from lm_zoo.text.tokenizers.in_graph import STRINGS, TOKEN_IDS, join_pieces

OTHER, LETTER, NUMBER, SPACE, SPECIAL = range(5)
NO_RANK = np.iinfo(np.int32).max


class BytePairModule(tf.Module):
    """Text to GPT-2's ids and back.

    Args:
        tokenizer: The `BytePairTokenizer` to copy.
    """

    def __init__(self, tokenizer):
        super().__init__(name="bpe_tokenizer")
        vocabulary = tokenizer.vocabulary
        self._vocab_size = tokenizer.vocab_size
        self._eos_id = tokenizer.eos_id
        self._pieces = np.array(tokenizer.pieces, object)
        alphabet = sorted(byte_of().items(), key=lambda item: item[1])
        self._byte_ids = np.array([vocabulary[char] for char, _ in alphabet], np.int32)
        self._class_starts, self._classes = character_classes()
        self._rules = _rules(vocabulary, tokenizer.merges)

    @tf.function(input_signature=[STRINGS])
    def tokenize(self, strings):
        """Returns the ids of each string, `(batch, None)`."""
        characters = tf.strings.unicode_decode(strings, "UTF-8")  # (batch, None)
        rows = tf.cast(characters.value_rowids(), tf.int32)  # (characters,)
        starts, special = self._split(characters.flat_values, rows)

        # Written anew, bytes that were not UTF-8 are U+FFFD: every character has its bytes.
        whole = tf.strings.reduce_join(tf.strings.unicode_encode(characters, "UTF-8"))
        values = tf.cast(tf.reshape(tf.io.decode_raw(whole, tf.uint8), (-1,)), tf.int32)  # (bytes,)
        leads = tf.bitwise.bitwise_and(values, 0xC0) != 0x80  # not a continuation byte
        of_character = tf.cumsum(tf.cast(leads, tf.int32)) - 1
        starts = leads & tf.gather(starts, of_character)
        special = tf.gather(special, of_character)
        pieces = tf.cumsum(tf.cast(starts, tf.int32)) - 1
        row_of_piece = tf.boolean_mask(tf.gather(rows, of_character), starts)

        symbols = tf.gather(tf.constant(self._byte_ids), values)
        if self._eos_id is not None:
            symbols = tf.where(special, self._eos_id, symbols)
        kept = starts | ~special  # of <|endoftext|>, one symbol
        symbols, pieces = tf.boolean_mask(symbols, kept), tf.boolean_mask(pieces, kept)
        symbols, pieces = self._merge_all(symbols, pieces, tf.size(row_of_piece))
        return tf.RaggedTensor.from_value_rowids(
            symbols,
            tf.cast(tf.gather(row_of_piece, pieces), tf.int64),
            nrows=tf.size(strings, tf.int64),
            validate=False,
        )

    @tf.function(input_signature=[TOKEN_IDS])
    def detokenize(self, token_ids):
        """Returns the string of each row, `(batch,)`."""
        return join_pieces(self._pieces, token_ids)

    def _split(self, characters, rows):
        """Marks where pieces begin, as GPT-2's pattern has it.

        The pattern takes, in this order: contractions (`'s|'t|'re|'ve|'m|'ll|'d`), words of one
        class with a space before them (` ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+`), and blanks
        (`\\s+(?!\\S)|\\s+`). So a piece begins where the class of character changes, but a space
        belongs to the word after it, and a contraction is a piece of its own if nothing before it
        takes the apostrophe.

        Args:
            characters: Code points of all strings, int32 `(characters,)`.
            rows: The string that each belongs to, int32 `(characters,)`.

        Returns:
            Two booleans of shape `(characters,)`: whether a piece begins here, and whether this is
            part of `<|endoftext|>`.
        """
        intervals = tf.searchsorted(tf.constant(self._class_starts), characters, side="right")
        classes = tf.gather(tf.constant(self._classes), intervals - 1)
        first = rows != _shift(rows, 1, -1)  # what stands before is of no concern
        special = tf.zeros_like(first)
        if self._eos_id is not None:
            length = len(END_OF_TEXT)
            begins = rows == _shift(rows, 1 - length, -1)
            for offset, character in enumerate(END_OF_TEXT):
                begins &= _shift(characters, -offset, -1) == ord(character)
            for offset in range(length):
                special |= _shift(begins, offset, False)
            first |= begins
            classes = tf.where(special, SPECIAL, classes)

        last = _shift(first, -1, True)
        spaces = classes == SPACE
        after_blank = ~first & (_shift(characters, 1, -1) == ord(" ")) & ~spaces
        starts = (first | (classes != _shift(classes, 1, -1))) & ~after_blank
        starts |= spaces & ~last & ~_shift(spaces, -1, True)  # a run's last space stands alone

        one, two = self._contractions(characters, starts & ~last, last)
        starts &= ~_shift(one | two, 1, False)
        starts |= _shift(one, 2, False) | _shift(two, 3, False)
        return starts, special

    def _contractions(self, characters, may_begin, last):
        """Marks apostrophes with one of s, t, m, d after them, and with one of re, ve, ll."""
        here = may_begin & (characters == ord("'"))
        next_1, next_2 = _shift(characters, -1, -1), _shift(characters, -2, -1)
        one = tf.zeros_like(here)
        for letter in "stmd":
            one |= next_1 == ord(letter)
        two = tf.zeros_like(here)
        for letters in ("re", "ve", "ll"):
            two |= (next_1 == ord(letters[0])) & (next_2 == ord(letters[1]))
        return here & one, here & two & ~_shift(last, -1, True)

    def _merge_all(self, symbols, pieces, num_pieces):
        """Merges pairs until no rule applies.

        Args:
            symbols: Token ids of single bytes, int32 `(symbols,)`.
            pieces: The piece that each belongs to, int32 `(symbols,)`, ascending.
            num_pieces: Number of pieces.

        Returns:
            The merged symbols and their pieces.
        """
        if not len(self._rules["keys"]):
            return symbols, pieces
        symbols, pieces, _ = tf.while_loop(
            lambda symbols, pieces, again: again,
            lambda symbols, pieces, again: self._merge_once(symbols, pieces, num_pieces),
            (symbols, pieces, tf.size(symbols) > 1),
            shape_invariants=(tf.TensorShape([None]), tf.TensorShape([None]), tf.TensorShape([])),
        )
        return symbols, pieces

    def _merge_once(self, symbols, pieces, num_pieces):
        """Merges every occurrence of each piece's first-learned pair; says whether there was one.

        The reference merges the leftmost pair of the lowest rank, one at a time. Several at a time
        come to the same while the merged token enters no pair of a lower rank; for the rules where
        it does, only the leftmost is merged.
        """
        rules = {name: tf.constant(values) for name, values in self._rules.items()}
        left, right, pieces_left = symbols[:-1], symbols[1:], pieces[:-1]  # (pairs,)
        keys = tf.cast(left, tf.int64) * self._vocab_size + tf.cast(right, tf.int64)
        places = tf.minimum(tf.searchsorted(rules["keys"], keys), tf.size(rules["keys"]) - 1)
        found = (tf.gather(rules["keys"], places) == keys) & (pieces_left == pieces[1:])
        ranks = tf.where(found, tf.gather(rules["ranks"], places), NO_RANK)
        best = tf.math.unsorted_segment_min(ranks, pieces_left, num_pieces)  # (pieces,)
        best = found & (ranks == tf.gather(best, pieces_left))

        # In "aaaa" the pair (a, a) stands at three places; from the left, every other one counts.
        positions = tf.range(tf.size(left))
        run_starts = best & ~_shift(best, 1, False)
        run = tf.maximum(tf.cumsum(tf.cast(run_starts, tf.int32)) - 1, 0)
        run_start = tf.gather(tf.concat([tf.boolean_mask(positions, run_starts), [0]], axis=0), run)
        taken = best & ((positions - run_start) % 2 == 0)
        if self._rules["one_at_a_time"].any():
            leftmost = tf.math.unsorted_segment_min(
                tf.where(taken, positions, NO_RANK), pieces_left, num_pieces
            )
            several = ~tf.gather(rules["one_at_a_time"], places)
            taken &= several | (positions == tf.gather(leftmost, pieces_left))

        merged = tf.where(taken, tf.gather(rules["merged"], places), left)
        kept = tf.concat([[True], ~taken], axis=0)
        symbols = tf.boolean_mask(tf.concat([merged, symbols[-1:]], axis=0), kept)
        again = tf.reduce_any(taken) & (tf.size(symbols) > 1)
        return symbols, tf.boolean_mask(pieces, kept), again


def _shift(values, by, fill):
    """Moves a vector's values `by` places to the right, or left if negative, filled with `fill`."""
    count = tf.minimum(abs(by), tf.size(values))
    padding = tf.fill([count], tf.constant(fill, values.dtype))
    if by >= 0:
        return tf.concat([padding, values[: tf.size(values) - count]], axis=0)
    return tf.concat([values[count:], padding], axis=0)


def _rules(vocabulary, merges):
    """Returns the merges as arrays sorted by pair.

    Returns:
        A dict of arrays of shape `(num_merges,)`: `keys` (left id * vocabulary size + right id),
        `ranks`, `merged` ids, and `one_at_a_time`: whether the merged token is part of a pair that
        was learned earlier.
    """
    rank_of = {pair: rank for rank, pair in enumerate(merges)}
    earliest_use = {}
    for pair, rank in rank_of.items():
        for token in pair:
            earliest_use[token] = min(rank, earliest_use.get(token, rank))
    size = len(vocabulary)
    rows = sorted(
        (
            vocabulary[a] * size + vocabulary[b],
            rank,
            vocabulary[a + b],
            earliest_use.get(a + b, NO_RANK) < rank,
        )
        for (a, b), rank in rank_of.items()
    )
    columns = list(zip(*rows)) or [()] * 4
    return {
        "keys": np.array(columns[0], np.int64),
        "ranks": np.array(columns[1], np.int32),
        "merged": np.array(columns[2], np.int32),
        "one_at_a_time": np.array(columns[3], bool),
    }


@functools.cache
def character_classes():
    """Returns which characters are letters, numbers and white space, as the library sees them.

    They are asked of the `tokenizers` library, since its Unicode tables are the ones to agree with;
    Python's differ by version.

    Returns:
        `(starts, classes)`: int32 arrays of the first code point of each interval, ascending from
        0, and its class.
    """
    from tokenizers import Regex, pre_tokenizers

    # Planes 4 to 13 hold nothing, and those after them no letter, number or space.
    text = "".join(" " if 0xD800 <= c < 0xE000 else chr(c) for c in range(0x40000))
    classes = np.full(len(text), OTHER, np.int32)
    for pattern, number in ((r"\p{L}+", LETTER), (r"\p{N}+", NUMBER), (r"\s+", SPACE)):
        outside = np.zeros(len(text), bool)
        splitter = pre_tokenizers.Split(Regex(pattern), behavior="removed")
        for _, (start, stop) in splitter.pre_tokenize_str(text):
            outside[start:stop] = True
        classes[~outside] = number
    classes[0xD800:0xE000] = OTHER
    starts = np.flatnonzero(np.diff(classes, prepend=-1)).astype(np.int32)
    ending = np.array([len(text)], np.int32)
    return np.concatenate([starts, ending]), np.concatenate([classes[starts], [np.int32(OTHER)]])
