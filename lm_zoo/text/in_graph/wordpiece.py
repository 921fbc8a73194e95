"""BERT's WordPiece as TensorFlow ops, for use inside a SavedModel.

tensorflow-text's BertTokenizer is not used: its tables of Unicode are of another version than the
`tokenizers` library's, it does not know special tokens written out in a text, and its SavedModels
need tensorflow-text to load. Here the tables are asked of the library, so that both agree.
"""

import numpy as np
import tensorflow as tf

from lm_zoo.text.in_graph.module import TokenizerModule
from lm_zoo.text.in_graph.ops import chain, in_rows, next_place, shift
from lm_zoo.text.in_graph.trie import Trie, words_from
from lm_zoo.text.special_tokens import CONTROL
from lm_zoo.text.tokenizers.wordpiece import (
    CONTINUES,
    MAX_WORD_CHARACTERS,
    SPECIALS,
    UNK,
    library_tokenizer,
)

NORMAL, ALONE, SPACE = range(3)
KEPT, DROPPED, MAPPED = range(3)
FIRST_SPECIAL = 0x110000  # the special pieces are codes of their own, beyond Unicode's
CONTINUING = (1 << 21) - 1
PRIVATE = ((0xF0000, 0xFFFFD), (0x100000, 0x10FFFD))


class WordPieceModule(TokenizerModule):
    """Text to BERT's ids and back."""

    def __init__(self, tokenizer, special_tokens=CONTROL):
        super().__init__(tokenizer)
        self._specials = tokenizer.specials if special_tokens == CONTROL else []
        self._unk_id = tokenizer.unk_id
        self._pieces, self._before, self._after = tokenizer.written
        special_codes = {piece: [FIRST_SPECIAL + i] for i, piece in enumerate(tokenizer.specials)}
        words = [special_codes.get(p) or _codes(p) for p in tokenizer.pieces]
        self._ids = np.array([i for i, word in enumerate(words) if word], np.int32)
        self._trie = Trie([word for word in words if word])
        self._continuing = self._trie.find([CONTINUING])
        self._mapping, chinese = normalization(
            tokenizer.lowercase, tokenizer.strip_accents, tokenizer.part_chinese
        )
        self._classes = word_classes(chinese)

    def ids(self, strings):
        characters = tf.strings.unicode_decode(strings, "UTF-8")  # (batch, None)
        codes, rows = characters.flat_values, tf.cast(characters.value_rowids(), tf.int32)
        codes, rows = self._normalize(*self._mark_specials(codes, rows))

        places = tf.range(tf.size(codes))
        classes = _look_up(self._classes, codes)
        new_row = rows != shift(rows, 1, -1)
        visible = classes != SPACE
        starts = visible & (new_row | (classes == ALONE) | (shift(classes, 1, SPACE) != NORMAL))
        # A word ends where the next begins, at white space, or with its text.
        ends = next_place(starts | ~visible | new_row)

        nodes = tf.where(starts, np.int64(0), np.int64(self._continuing))
        found = words_from(self._trie, codes, ends, nodes)  # (characters, depth)
        lengths = tf.range(1, self._trie.depth + 1) * tf.cast(found >= 0, tf.int32)
        longest = tf.reduce_max(lengths, axis=1)  # 0 where no piece begins
        piece = tf.gather(found, tf.maximum(longest - 1, 0), batch_dims=1)
        ids = tf.gather(tf.constant(self._ids), tf.maximum(piece, 0))

        first = tf.boolean_mask(places, starts)
        last = tf.boolean_mask(ends, starts)
        follows = tf.where(longest > 0, places + longest, ends)  # without a piece, the word ends
        visited = chain(starts, follows, ends)
        of_word = tf.maximum(tf.cumsum(tf.cast(starts, tf.int32)) - 1, 0)
        stuck = tf.math.unsorted_segment_max(
            tf.cast(visited & (longest == 0), tf.int32), of_word, tf.size(first) + 1
        )[:-1]  # white space has none
        unknown = (stuck > 0) | (last - first > MAX_WORD_CHARACTERS)
        unknown = tf.gather(tf.concat([unknown, [False]], axis=0), of_word)
        ids = tf.where(unknown, self._unk_id, ids)
        kept = visited & (starts | ~unknown)
        return in_rows(tf.boolean_mask(ids, kept), tf.boolean_mask(rows, kept), strings)

    def texts(self, token_ids):
        ids = token_ids.flat_values
        pieces = tf.gather(tf.constant(self._pieces), ids)  # on the CPU, which refuses unknown ids
        after = shift(tf.gather(tf.constant(self._after), ids), 1, 0)
        rows = token_ids.value_rowids()
        new_row = rows != shift(rows, 1, -1)
        product = tf.where(new_row, 0, after) * tf.gather(tf.constant(self._before), ids)
        spaces = tf.where((product == 1) | (product == 2), " ", "")
        return tf.strings.reduce_join(
            token_ids.with_flat_values(tf.strings.join([spaces, pieces])), axis=1
        )

    def _mark_specials(self, codes, rows):
        """Puts one code of its own for each special piece that is written out."""
        kept = tf.ones_like(codes, tf.bool)
        for i, piece in enumerate(self._specials):
            length = len(piece)
            begins = rows == shift(rows, 1 - length, -1)
            for offset, character in enumerate(piece):
                begins &= shift(codes, -offset, -1) == ord(character)
            codes = tf.where(begins, FIRST_SPECIAL + i, codes)
            for offset in range(1, length):
                kept &= ~shift(begins, offset, False)
        return tf.boolean_mask(codes, kept), tf.boolean_mask(rows, kept)

    def _normalize(self, codes, rows):
        kinds_at, mapped, counts, begins, outputs = self._mapping
        kinds = _look_up(kinds_at, codes)
        is_mapped = kinds == MAPPED
        which = tf.minimum(tf.searchsorted(tf.constant(mapped), codes), len(mapped) - 1)
        count = tf.where(is_mapped, tf.gather(tf.constant(counts), which), 1)
        count = tf.where(kinds == DROPPED, 0, count)
        source = tf.repeat(tf.range(tf.size(codes)), count)
        within = tf.range(tf.size(source)) - tf.gather(tf.cumsum(count, exclusive=True), source)
        place = tf.gather(tf.gather(tf.constant(begins), which), source) + within
        place = tf.minimum(place, len(outputs) - 1)
        normalized = tf.where(
            tf.gather(is_mapped, source),
            tf.gather(tf.constant(outputs), place),
            tf.gather(codes, source),
        )
        return normalized, tf.gather(rows, source)


def _codes(piece):
    if piece.startswith(CONTINUES) and piece != CONTINUES:
        return [CONTINUING, *map(ord, piece[len(CONTINUES) :])]
    return [ord(character) for character in piece]


def _intervals(values):
    """Returns the first places of runs of equal values, and those values, int32."""
    starts = np.flatnonzero(np.diff(values, prepend=-1)).astype(np.int32)
    return starts, values[starts].astype(np.int32)


def _look_up(intervals, codes):
    starts, values = intervals
    places = tf.searchsorted(tf.constant(starts), codes, side="right") - 1
    return tf.gather(tf.constant(values), places)


def _characters():
    """Returns the code points to ask about: those of planes 0 to 3, and of 14 where it is in use.

    Planes 4 to 13 hold nothing, and BERT keeps what is not assigned; it drops planes 15 and 16,
    which are private (`PRIVATE`).
    """
    surrogates = range(0xD800, 0xE000)
    return [c for c in (*range(0x40000), *range(0xE0000, 0xE1000)) if c not in surrogates]


def normalization(lowercase, strip_accents, part_chinese):
    """Returns what BERT's normalization makes of each character, as the library has it.

    All that it does is character by character, but for the order of several accents on a letter
    that accents are taken from, where not all of them go (Hangul tone marks and musical notes).

    Returns:
        `(kinds, mapped, counts, begins, outputs)`: the intervals of kept, dropped and mapped
        characters; and for the mapped ones, ascending, the number and place in `outputs` of the
        characters they become. Arrays are int32. And a list of the characters that it puts spaces
        around: Chinese ones.
    """
    library = library_tokenizer({UNK: 0}, lowercase, strip_accents, part_chinese)
    characters = [c for c in _characters() if c != ord("0")]
    # "0" comes from nothing but "0", so it tells the characters apart.
    written = library.normalizer.normalize_str("0".join(map(chr, characters))).split("0")
    kinds = np.full(FIRST_SPECIAL + len(SPECIALS), KEPT, np.int32)
    for first, last in PRIVATE:
        kinds[first : last + 1] = DROPPED
    mapped, results, chinese = [], [], []
    for code, text in zip(characters, written, strict=True):
        result = text.strip(" ") or text[:1]  # a space itself stays
        if result != text and len(text) > 1:
            chinese.append(code)
        if not result:
            kinds[code] = DROPPED
        elif result != chr(code):
            kinds[code] = MAPPED
            mapped.append(code)
            results.append(result)
    counts = np.array([len(result) for result in results], np.int32)
    outputs = np.array([ord(c) for result in results for c in result], np.int32)
    begins = np.cumsum(counts, dtype=np.int32) - counts
    mapping = (_intervals(kinds), np.array(mapped, np.int32), counts, begins, outputs)
    return mapping, chinese


def word_classes(chinese):
    """Returns which normalized characters part words and which are words, as the library has it.

    Args:
        chinese: Code points of characters that are words.

    Returns:
        Intervals of the classes NORMAL, ALONE (punctuation, Chinese, special pieces) and SPACE.
    """
    from tokenizers import pre_tokenizers

    text = "0" + "0".join(map(chr, _characters()))
    seen, alone = np.zeros(len(text), bool), np.zeros(len(text), bool)
    for _, (start, stop) in pre_tokenizers.BertPreTokenizer().pre_tokenize_str(text):
        seen[start:stop] = True
        alone[start:stop] = stop - start == 1
    classes = np.full(FIRST_SPECIAL + len(SPECIALS), NORMAL, np.int32)
    codes = np.array(_characters())
    classes[codes[alone[1::2]]] = ALONE
    classes[codes[~seen[1::2]]] = SPACE
    classes[ord("0")] = NORMAL
    classes[chinese] = ALONE
    classes[FIRST_SPECIAL:] = ALONE
    return _intervals(classes)
