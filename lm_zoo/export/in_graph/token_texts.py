"""The bytes of single tokens inside a SavedModel."""

import numpy as np
import tensorflow as tf


def token_texts(tokenizer):
    """Returns a function of token ids of any shape that gives the bytes of each."""
    pieces = [tokenizer.token_bytes(token) for token in range(tokenizer.vocab_size)]
    pieces = np.array(pieces, object)

    # A function of its own, so that the pieces stand in the SavedModel once.
    @tf.function(input_signature=[tf.TensorSpec(None, tf.int32)], autograph=False)
    def texts(token_ids):
        return tf.gather(tf.constant(pieces), token_ids)

    return texts
