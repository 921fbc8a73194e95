"""Bytes as TensorFlow ops, for use inside a SavedModel."""

import numpy as np
import tensorflow as tf

from lm_zoo.text.in_graph.ops import STRINGS, TOKEN_IDS, join_pieces
from lm_zoo.text.special_tokens import CONTROL


class ByteModule(tf.Module):
    """Bytes to ids and back; ids that do not form UTF-8 give strings that are not UTF-8."""

    def __init__(self, tokenizer, special_tokens=CONTROL):
        super().__init__(name="byte_tokenizer")

    @tf.function(input_signature=[STRINGS], autograph=False)
    def tokenize(self, strings):
        """Returns the ids of each string, `(batch, None)`."""
        as_bytes = tf.strings.bytes_split(strings)  # (batch, None)
        values = tf.reshape(tf.io.decode_raw(as_bytes.flat_values, tf.uint8), (-1,))
        return as_bytes.with_flat_values(tf.cast(values, tf.int32))

    @tf.function(input_signature=[TOKEN_IDS], autograph=False)
    def detokenize(self, token_ids):
        """Returns the string of each row, `(batch,)`."""
        pieces = np.array([bytes([value]) for value in range(256)], object)
        return join_pieces(pieces, token_ids)
