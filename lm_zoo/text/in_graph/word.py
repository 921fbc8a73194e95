"""Words as TensorFlow ops, for use inside a SavedModel; what is not UTF-8 is an unknown word."""

import numpy as np
import tensorflow as tf

from lm_zoo.text.in_graph.ops import STRINGS, TOKEN_IDS, join_pieces
from lm_zoo.text.special_tokens import CONTROL
from lm_zoo.text.tokenizers.word import AROUND_NEWLINE, LINE_END


class WordModule(tf.Module):
    """Words to ids and back.

    Args:
        tokenizer: The `WordTokenizer` to copy.
        special_tokens: `control` or `text`: what special tokens written out in a text are.
    """

    def __init__(self, tokenizer, special_tokens=CONTROL):
        super().__init__(name="word_tokenizer")
        self._pieces = np.array(tokenizer.pieces, object)
        ids = tokenizer.ids_of(special_tokens)
        self.ids = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                tf.constant(list(ids)), tf.constant(list(ids.values()), tf.int32)
            ),
            default_value=tokenizer.unk_id,
        )

    @tf.function(input_signature=[STRINGS], autograph=False)
    def tokenize(self, strings):
        """Returns the ids of each string, `(batch, None)`."""
        marked = tf.strings.regex_replace(strings, "\n", b" " + LINE_END + b" ")
        words = tf.strings.split(marked)  # at ASCII white space, as lm_zoo.text.words does
        return words.with_flat_values(self.ids.lookup(words.flat_values))

    @tf.function(input_signature=[TOKEN_IDS], autograph=False)
    def detokenize(self, token_ids):
        """Returns the string of each row, `(batch,)`."""
        joined = join_pieces(self._pieces, token_ids, separator=" ")
        return tf.strings.regex_replace(joined, AROUND_NEWLINE, "\n")
