"""The character, byte and word tokenizers as TensorFlow ops, for use inside a SavedModel.

Each is a `tf.Module` of two functions: `tokenize(strings (batch,)) -> int32 RaggedTensor` and
`detokenize(int32 RaggedTensor) -> strings (batch,)`. They use TensorFlow's own ops, so that a
SavedModel needs nothing but TensorFlow to load. Strings are UTF-8; what is not counts as U+FFFD for
characters and as an unknown word for words.
"""

import numpy as np
import tensorflow as tf

STRINGS = tf.TensorSpec((None,), tf.string)
TOKEN_IDS = tf.RaggedTensorSpec((None, None), tf.int32, ragged_rank=1)


class CharacterModule(tf.Module):
    """Characters to ids and back.

    Args:
        code_points: The code point that each id is written as, id 0 being `<unk>` and the others in
            ascending order.
    """

    def __init__(self, code_points):
        super().__init__(name="character_tokenizer")
        self._code_points = np.asarray(code_points, np.int32)

    @tf.function(input_signature=[STRINGS])
    def tokenize(self, strings):
        """Returns the ids of each string, `(batch, None)`."""
        known = tf.constant(self._code_points[1:])
        characters = tf.strings.unicode_decode(strings, "UTF-8")  # (batch, None)
        flat = characters.flat_values
        places = tf.minimum(tf.searchsorted(known, flat), len(self._code_points) - 2)
        found = tf.gather(known, places) == flat
        return characters.with_flat_values(tf.where(found, places + 1, 0))

    @tf.function(input_signature=[TOKEN_IDS])
    def detokenize(self, token_ids):
        """Returns the string of each row, `(batch,)`."""
        code_points = tf.constant(self._code_points)
        characters = token_ids.with_flat_values(tf.gather(code_points, token_ids.flat_values))
        return tf.strings.unicode_encode(characters, "UTF-8")


class ByteModule(tf.Module):
    """Bytes to ids and back; ids that do not form UTF-8 give strings that are not UTF-8."""

    def __init__(self):
        super().__init__(name="byte_tokenizer")

    @tf.function(input_signature=[STRINGS])
    def tokenize(self, strings):
        """Returns the ids of each string, `(batch, None)`."""
        as_bytes = tf.strings.bytes_split(strings)  # (batch, None)
        values = tf.reshape(tf.io.decode_raw(as_bytes.flat_values, tf.uint8), (-1,))
        return as_bytes.with_flat_values(tf.cast(values, tf.int32))

    @tf.function(input_signature=[TOKEN_IDS])
    def detokenize(self, token_ids):
        """Returns the string of each row, `(batch,)`."""
        pieces = np.array([bytes([value]) for value in range(256)], object)
        return join_pieces(pieces, token_ids)


class WordModule(tf.Module):
    """Words to ids and back.

    Args:
        ids: Word -> id, with `LINE_END` for a newline; words are bytes.
        pieces: How each id is written, as bytes: a newline for `<eos>`, the word otherwise.
        unk_id: The id of words that are not among them.
    """

    def __init__(self, ids, pieces, unk_id):
        super().__init__(name="word_tokenizer")
        self._pieces = np.array(pieces, object)
        self.ids = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                tf.constant(list(ids)), tf.constant(list(ids.values()), tf.int32)
            ),
            default_value=unk_id,
        )

    @tf.function(input_signature=[STRINGS])
    def tokenize(self, strings):
        """Returns the ids of each string, `(batch, None)`."""
        from lm_zoo.text.tokenizers.word import LINE_END

        marked = tf.strings.regex_replace(strings, "\n", b" " + LINE_END + b" ")
        words = tf.strings.split(marked)  # at ASCII white space, as lm_zoo.text.words does
        return words.with_flat_values(self.ids.lookup(words.flat_values))

    @tf.function(input_signature=[TOKEN_IDS])
    def detokenize(self, token_ids):
        """Returns the string of each row, `(batch,)`."""
        from lm_zoo.text.tokenizers.word import AROUND_NEWLINE

        joined = join_pieces(self._pieces, token_ids, separator=" ")
        return tf.strings.regex_replace(joined, AROUND_NEWLINE, "\n")


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
