"""Characters as TensorFlow ops, for use inside a SavedModel; what is not UTF-8 counts as U+FFFD."""

import numpy as np
import tensorflow as tf

from lm_zoo.text.in_graph.ops import STRINGS, TOKEN_IDS
from lm_zoo.text.special_tokens import CONTROL


class CharacterModule(tf.Module):
    """Characters to ids and back.

    Args:
        tokenizer: The `CharacterTokenizer` to copy.
        special_tokens: Not used: there are none.
    """

    def __init__(self, tokenizer, special_tokens=CONTROL):
        super().__init__(name="character_tokenizer")
        # What each id is written as, id 0 being `<unk>` and the others in ascending order.
        self._code_points = np.asarray(tokenizer.code_points, np.int32)

    @tf.function(input_signature=[STRINGS], autograph=False)
    def tokenize(self, strings):
        """Returns the ids of each string, `(batch, None)`."""
        known = tf.constant(self._code_points[1:])
        characters = tf.strings.unicode_decode(strings, "UTF-8")  # (batch, None)
        flat = characters.flat_values
        places = tf.minimum(tf.searchsorted(known, flat), len(self._code_points) - 2)
        found = tf.gather(known, places) == flat
        return characters.with_flat_values(tf.where(found, places + 1, 0))

    @tf.function(input_signature=[TOKEN_IDS], autograph=False)
    def detokenize(self, token_ids):
        """Returns the string of each row, `(batch,)`."""
        code_points = tf.constant(self._code_points)
        characters = token_ids.with_flat_values(tf.gather(code_points, token_ids.flat_values))
        return tf.strings.unicode_encode(characters, "UTF-8")
