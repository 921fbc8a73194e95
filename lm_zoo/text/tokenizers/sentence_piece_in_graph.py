"""SentencePiece as TensorFlow ops, by tensorflow-text, for use inside a SavedModel.

tensorflow-text's FastSentencepieceTokenizer is not used: it gives wrong ids for BPE models and for
characters written in bytes.
"""

import numpy as np
import tensorflow as tf
import tensorflow_text

from lm_zoo.text.tokenizers.in_graph import STRINGS, TOKEN_IDS, join_pieces

CUT = b"\xff"  # in no UTF-8
LONG = "([^\n]{1000}[^\n]*?[^\n ]) "  # stretches like those outside the graph, within a line


class SentencePieceModule(tf.Module):
    """Text to SentencePiece's ids and back.

    Args:
        tokenizer: The `SentencePieceTokenizer` to copy.
    """

    def __init__(self, tokenizer):
        super().__init__(name=f"{tokenizer.name}_tokenizer")
        self._pieces = np.array(tokenizer.pieces, object)
        self._leading_space = tokenizer.leading_space
        self._tokenizer = tensorflow_text.SentencepieceTokenizer(tokenizer.model, tf.int32)
        self._in_stretches, self._of_parts = tokenizer.in_stretches, None
        if self._in_stretches and tokenizer.model_of_parts != tokenizer.model:
            self._of_parts = tensorflow_text.SentencepieceTokenizer(
                tokenizer.model_of_parts, tf.int32
            )

    @tf.function(input_signature=[STRINGS])
    def tokenize(self, strings):
        """Returns the ids of each string, `(batch, None)`."""
        strings = tf.strings.unicode_transcode(strings, "UTF-8", "UTF-8")  # replaces what is not
        if not self._in_stretches:
            return self._tokenizer.tokenize(strings)
        marked = tf.strings.regex_replace(strings, LONG, rb"\1" + CUT + b" ")
        marked = tf.strings.regex_replace(marked, "([^\n])\n", rb"\1" + CUT + b"\n")
        lines = tf.strings.split(marked, CUT)  # (batch, None)
        if self._of_parts is None:
            ids = self._tokenizer.tokenize(lines.flat_values)  # (lines, None)
        else:
            starts = lines.row_starts()
            first = tf.tensor_scatter_nd_update(
                tf.zeros_like(lines.flat_values, tf.bool),
                starts[:, tf.newaxis],
                tf.ones_like(starts, tf.bool),
            )
            of_first = self._tokenizer.tokenize(tf.where(first, lines.flat_values, ""))
            of_parts = self._of_parts.tokenize(tf.where(first, "", lines.flat_values))
            ids = tf.concat([of_first, of_parts], axis=1)
        return lines.with_flat_values(ids).merge_dims(1, 2)

    @tf.function(input_signature=[TOKEN_IDS])
    def detokenize(self, token_ids):
        """Returns the string of each row, `(batch,)`."""
        joined = join_pieces(self._pieces, token_ids)
        if self._leading_space is None:
            return joined
        return tf.strings.regex_replace(joined, self._leading_space, "", replace_global=False)
