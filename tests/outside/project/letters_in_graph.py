"""What the tokenizer is inside a SavedModel."""

import tensorflow as tf

from lm_zoo.text.in_graph.character import CharacterModule
from lm_zoo.text.in_graph.ops import STRINGS


class LettersModule(CharacterModule):
    @tf.function(input_signature=[STRINGS])
    def tokenize(self, strings):
        return super().tokenize(tf.strings.lower(strings))
