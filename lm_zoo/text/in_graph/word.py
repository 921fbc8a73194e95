"""Words as TensorFlow ops, for use inside a SavedModel; what is not UTF-8 is an unknown word."""

import numpy as np
import tensorflow as tf

from lm_zoo.text.in_graph.module import TokenizerModule
from lm_zoo.text.in_graph.ops import id_table, join_pieces
from lm_zoo.text.special_tokens import CONTROL
from lm_zoo.text.tokenizers.word import AROUND_NEWLINE, LINE_END


class WordModule(TokenizerModule):
    """Words to ids and back."""

    def __init__(self, tokenizer, special_tokens=CONTROL):
        super().__init__(tokenizer)
        self.pieces = np.array(tokenizer.pieces, object)
        ids = tokenizer.ids_of(special_tokens)
        self.id_of = id_table(list(ids), list(ids.values()), tokenizer.unk_id)

    def ids(self, strings):
        marked = tf.strings.regex_replace(strings, "\n", b" " + LINE_END + b" ")
        words = tf.strings.split(marked)  # at ASCII white space, as lm_zoo.text.words does
        return words.with_flat_values(self.id_of.lookup(words.flat_values))

    def texts(self, token_ids):
        joined = join_pieces(self.pieces, token_ids, separator=" ")
        return tf.strings.regex_replace(joined, AROUND_NEWLINE, "\n")
