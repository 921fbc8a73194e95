"""SentencePiece as TensorFlow ops, by tensorflow-text, for use inside a SavedModel.

tensorflow-text's FastSentencepieceTokenizer is not used: it gives wrong ids for BPE models and for
characters written in bytes.
"""

import numpy as np
import tensorflow as tf
import tensorflow_text

from lm_zoo.text.in_graph.ops import (
    STRINGS,
    TOKEN_IDS,
    chain,
    join_pieces,
    next_place,
    shift,
)
from lm_zoo.text.special_tokens import CONTROL
from lm_zoo.text.tokenizers.sentence_piece import LONG


class SentencePieceModule(tf.Module):
    """Text to SentencePiece's ids and back.

    Args:
        tokenizer: The `SentencePieceTokenizer` to copy.
        special_tokens: Not used: none of them can be written out.
    """

    def __init__(self, tokenizer, special_tokens=CONTROL):
        super().__init__(name=f"{tokenizer.name}_tokenizer")
        self._pieces = np.array(tokenizer.pieces, object)
        self._leading_space = tokenizer.leading_space
        self._tokenizer = tensorflow_text.SentencepieceTokenizer(tokenizer.model, tf.int32)
        self._in_stretches, self._of_parts = tokenizer.in_stretches, None
        if self._in_stretches and tokenizer.model_of_parts != tokenizer.model:
            self._of_parts = tensorflow_text.SentencepieceTokenizer(
                tokenizer.model_of_parts, tf.int32
            )

    @tf.function(input_signature=[STRINGS], autograph=False)
    def tokenize(self, strings):
        """Returns the ids of each string, `(batch, None)`."""
        if not self._in_stretches:  # bytes that are not UTF-8 are replaced
            return self._tokenizer.tokenize(tf.strings.unicode_transcode(strings, "UTF-8", "UTF-8"))
        lines = _stretches(strings)  # (batch, None)
        if self._of_parts is None:
            ids = self._tokenizer.tokenize(lines.flat_values)  # (lines, None)
        else:
            rows = lines.value_rowids()
            first = tf.concat([tf.ones_like(rows[:1], tf.bool), rows[1:] != rows[:-1]], axis=0)
            of_first = self._tokenizer.tokenize(tf.where(first, lines.flat_values, ""))
            of_parts = self._of_parts.tokenize(tf.where(first, "", lines.flat_values))
            ids = tf.concat([of_first, of_parts], axis=1)
        return lines.with_flat_values(ids).merge_dims(1, 2)

    @tf.function(input_signature=[TOKEN_IDS], autograph=False)
    def detokenize(self, token_ids):
        """Returns the string of each row, `(batch,)`."""
        joined = join_pieces(self._pieces, token_ids)
        if self._leading_space is None:
            return joined
        return tf.strings.regex_replace(joined, self._leading_space, "", replace_global=False)


def _stretches(strings):
    """Cuts texts as `sentence_piece.STRETCH` does: a line with the newlines before it, long ones
    cut before spaces; RaggedTensor of strings `(batch, None)`."""
    characters = tf.strings.unicode_decode(strings, "UTF-8")  # bytes that are not are replaced
    codes, rows = characters.flat_values, characters.value_rowids()
    size, places = tf.size(codes), tf.range(tf.size(codes))

    new_row = rows != shift(rows, 1, -1)
    newline, space = codes == ord("\n"), codes == ord(" ")
    line_starts = ~newline & (new_row | shift(newline, 1, False))
    line_ends = next_place(newline | new_row)
    # A long line may be cut after a visible character that a space follows.
    cuts = ~newline & ~space & shift(space, -1, False) & (shift(rows, -1, -1) == rows)
    cuts = tf.concat([tf.cast(tf.where(cuts)[:, 0], tf.int32), [size]], axis=0)
    following = tf.gather(cuts, tf.searchsorted(cuts, tf.minimum(places + LONG, size))) + 1
    starts = chain(line_starts, following, line_ends) & ~line_starts
    starts |= new_row | (newline & ~shift(newline, 1, False))
    begins = tf.boolean_mask(places, starts)
    texts = tf.RaggedTensor.from_row_starts(codes, begins, validate=False)
    return tf.RaggedTensor.from_value_rowids(
        tf.strings.unicode_encode(texts, "UTF-8"),
        tf.boolean_mask(rows, starts),
        nrows=tf.size(strings, tf.int64),
        validate=False,
    )
