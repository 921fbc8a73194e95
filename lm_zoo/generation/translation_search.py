"""A model's compiled beam search after sources, for translation from Python."""

import weakref

import tensorflow as tf

from lm_zoo.compiled import compiled_for
from lm_zoo.generation.graph_beam_search import beam_search


class Search:
    """One model's compiled beam search, a trace for any number of sources, tokens and beams."""

    def __init__(self, model):
        # A weak reference: the cache below must not keep a model alive.
        self._model = weakref.ref(model)
        number, real = tf.TensorSpec((), tf.int32), tf.TensorSpec((), tf.float32)
        signature = [
            tf.TensorSpec((None, None), tf.int32),
            tf.TensorSpec((None,), tf.int32),
            *(number, number, number, number),
            real,
        ]
        self._plain = tf.function(self._search, signature, autograph=False)
        self._covering = tf.function(self._search, [*signature, real], autograph=False)

    def __call__(self, source_ids, source_lengths, end_id, options):
        """Returns the `Hypotheses` of sources, as `TranslationOptions` ask for them."""
        arguments = [
            source_ids,
            source_lengths,
            end_id,
            options.num_beams,
            options.num_return_sequences,
            options.max_new_tokens,
            options.length_penalty,
        ]
        if options.coverage_penalty:
            return self._covering(*arguments, options.coverage_penalty)
        return self._plain(*arguments)

    def _search(
        self,
        source_ids,
        source_lengths,
        end_id,
        num_beams,
        num_return_sequences,
        max_new_tokens,
        length_penalty,
        coverage_penalty=None,
    ):
        return beam_search(
            self._model(),
            source_ids,
            source_lengths,
            end_id,
            num_beams,
            max_new_tokens,
            length_penalty,
            coverage_penalty,
            num_return_sequences,
        )


def search_of(model):
    """Returns the model's `Search`, made once, so that later calls find the traces."""
    return compiled_for(model, "generation.translation_search", lambda _: Search(model))
