"""Bytes as TensorFlow ops, for use inside a SavedModel."""

import numpy as np
import tensorflow as tf

from lm_zoo.text.in_graph.module import TokenizerModule


class ByteModule(TokenizerModule):
    """Bytes to ids and back; ids that do not form UTF-8 give strings that are not UTF-8."""

    pieces = np.array([bytes([value]) for value in range(256)], object)

    def ids(self, strings):
        as_bytes = tf.strings.bytes_split(strings)  # (batch, None)
        values = tf.reshape(tf.io.decode_raw(as_bytes.flat_values, tf.uint8), (-1,))
        return as_bytes.with_flat_values(tf.cast(values, tf.int32))
