"""A model's compiled functions for generation, shared by sampling and beam search."""

import weakref

import tensorflow as tf

from lm_zoo.compiled import compiled_for
from lm_zoo.generation.decoding_loop import Decoding, decode, first_step
from lm_zoo.generation.decoding_state import (
    gather_rows,
    prefill_with_features,
    slots_for,
    state_specs,
)
from lm_zoo.generation.random_keys import padded
from lm_zoo.generation.samplers import SamplingSettings

MAX_STEPS = 64  # steps per call, so that Ctrl-C takes effect between calls


class Decoder:
    """Compiled functions of one model, one trace each for any number of rows, slots and tokens."""

    def __init__(self, model):
        # A weak reference: the cache below must not keep a model alive.
        self._model = weakref.ref(model)
        self.context_length = model.context_length
        self.vocab_size = model.vocab_size
        ids, rows = tf.TensorSpec((None, None), tf.int32), tf.TensorSpec((None,), tf.int32)
        number, numbers = tf.TensorSpec((), tf.int32), tf.TensorSpec((None,), tf.float32)
        self._prefill = tf.function(
            self._prefill_rows, input_signature=[ids, rows, number], autograph=False
        )
        settings = SamplingSettings(
            numbers, rows, numbers, rows, tf.TensorSpec((), tf.float32, "repetition_penalty")
        )
        active = tf.TensorSpec((None,), tf.bool)
        state, features = state_specs(model)

        def signature(seen):
            decoding = Decoding(state, rows, rows, active, seen)
            return [decoding, settings, number, rows, number]

        self._decode = tf.function(
            self._decode_rows, input_signature=signature(()), autograph=False
        )
        self._decode_penalized = tf.function(
            self._decode_rows,
            input_signature=signature(tf.TensorSpec((None, self.vocab_size), tf.bool)),
            autograph=False,
        )
        self.first_step = tf.function(self._first_step, autograph=False)

    @property
    def model(self):
        return self._model()

    def prefill(self, rows, max_new_tokens, leave_last=False):
        """Reads rows; those of one prompt once.

        Args:
            rows: `Row`s.
            max_new_tokens: Most tokens that each of them will grow by.
            leave_last: Whether each row's last token is left for the first step.

        Returns:
            `(state, features)`, as `prefill_with_features`.
        """
        texts = list(dict.fromkeys(tuple(row.token_ids) for row in rows))
        token_ids, lengths = padded([text[: len(text) - leave_last] for text in texts])
        num_slots = slots_for(int(lengths.max()) + 1 + max_new_tokens)
        num_slots = min(num_slots, self.context_length or 0)  # recurrent states have none
        read = self._prefill(token_ids, lengths, num_slots)
        if len(texts) == len(rows):
            return read
        return gather_rows(read, [texts.index(tuple(row.token_ids)) for row in rows])

    def decode(self, decoding, *arguments):
        """Calls `decoding_loop.decode` with the model; the arguments are those up to `eos_id`."""
        function = self._decode if isinstance(decoding.seen, tuple) else self._decode_penalized
        return function(decoding, *arguments)

    def _prefill_rows(self, token_ids, lengths, num_slots):
        return prefill_with_features(self.model, token_ids, lengths, num_slots)

    def _decode_rows(self, *arguments):
        return decode(self.model, *arguments, limit=self.context_length)

    def _first_step(self, *arguments):
        return first_step(self.model, *arguments)


def decoder_of(model):
    """Returns the model's `Decoder`, made once, so that later calls find the traces."""
    return compiled_for(model, "generation.decoder", lambda _: Decoder(model))
