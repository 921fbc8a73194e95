"""Characters as TensorFlow ops, for use inside a SavedModel; what is not UTF-8 counts as U+FFFD."""

import numpy as np
import tensorflow as tf

from lm_zoo.text.in_graph.module import TokenizerModule
from lm_zoo.text.special_tokens import CONTROL


class CharacterModule(TokenizerModule):
    """Characters to ids and back."""

    def __init__(self, tokenizer, special_tokens=CONTROL):
        super().__init__(tokenizer)
        # What each id is written as, id 0 being `<unk>` and the others in ascending order.
        self._code_points = np.asarray(tokenizer.code_points, np.int32)

    def ids(self, strings):
        known = tf.constant(self._code_points[1:])
        characters = tf.strings.unicode_decode(strings, "UTF-8")  # (batch, None)
        flat = characters.flat_values
        places = tf.minimum(tf.searchsorted(known, flat), len(self._code_points) - 2)
        found = tf.gather(known, places) == flat
        return characters.with_flat_values(tf.where(found, places + 1, 0))

    def texts(self, token_ids):
        code_points = tf.constant(self._code_points)
        characters = token_ids.with_flat_values(tf.gather(code_points, token_ids.flat_values))
        return tf.strings.unicode_encode(characters, "UTF-8")
