"""The shell of every tokenizer's module: its two functions, by their signatures."""

import tensorflow as tf

from lm_zoo.text.in_graph.ops import STRINGS, TOKEN_IDS, join_pieces
from lm_zoo.text.special_tokens import CONTROL


class TokenizerModule(tf.Module):
    """Text to ids and back, for use inside a SavedModel.

    Subclasses write `ids`, and either set `pieces`, the bytes of each id, a numpy array of objects,
    or write `texts`.

    Args:
        tokenizer: The tokenizer to copy.
        special_tokens: `control` or `text`: what special tokens written out in a text are, of a
            tokenizer that knows such.
    """

    def __init__(self, tokenizer, special_tokens=CONTROL):
        super().__init__(name=f"{tokenizer.name}_tokenizer")

    @tf.function(input_signature=[STRINGS], autograph=False)
    def tokenize(self, strings):
        """Returns the ids of each string, `(batch, None)`."""
        return self.ids(strings)

    @tf.function(input_signature=[TOKEN_IDS], autograph=False)
    def detokenize(self, token_ids):
        """Returns the string of each row, `(batch,)`."""
        return self.texts(token_ids)

    def ids(self, strings):
        """What `tokenize` returns."""
        raise NotImplementedError

    def texts(self, token_ids):
        """What `detokenize` returns."""
        return join_pieces(self.pieces, token_ids)
