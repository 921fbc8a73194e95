"""A model's compiled functions for generation, shared by sampling and beam search."""

import weakref

import tensorflow as tf

from lm_zoo.compiled import compiled_for
from lm_zoo.generation.decoding_loop import Decoding, decode, first_step
from lm_zoo.generation.decoding_state import (
    begin_with_features,
    make_room,
    slots_for,
    state_specs,
    stepped,
    take,
)
from lm_zoo.generation.random_keys import padded
from lm_zoo.generation.samplers import SamplingSettings, mark_seen, penalize_repetition


class Decoder:
    """Compiled functions of one model, one trace each for any number of rows, slots and tokens."""

    def __init__(self, model):
        # A weak reference: the cache below must not keep a model alive.
        self._model = weakref.ref(model)
        self.context_length = model.context_length
        self.vocab_size = model.vocab_size
        ids, rows = tf.TensorSpec((None, None), tf.int32), tf.TensorSpec((None,), tf.int32)
        number, numbers = tf.TensorSpec((), tf.int32), tf.TensorSpec((None,), tf.float32)
        self._begin = tf.function(self._begin_rows, input_signature=[ids, rows, number])
        settings = SamplingSettings(
            numbers, rows, numbers, rows, tf.TensorSpec((), tf.float32, "repetition_penalty")
        )
        active = tf.TensorSpec((None,), tf.bool)
        state, features = state_specs(model)

        def signature(seen):
            decoding = Decoding(state, rows, rows, active, seen)
            return [decoding, settings, number, rows, number]

        self._decode = tf.function(self._decode_rows, input_signature=signature(()))
        self._decode_penalized = tf.function(
            self._decode_rows,
            input_signature=signature(tf.TensorSpec((None, self.vocab_size), tf.bool)),
        )
        self.first_step = tf.function(self._first_step)
        self.beam_step = tf.function(self._beam_step)
        self.reorder = tf.function(_reorder)

    @property
    def model(self):
        return self._model()

    def begin(self, rows, max_new_tokens, leave_last=False):
        """Reads rows; those of one prompt once.

        Args:
            rows: `Row`s.
            max_new_tokens: Most tokens that each of them will grow by.
            leave_last: Whether each row's last token is left for the first step.

        Returns:
            `(state, features)`, as `begin_with_features`.
        """
        texts = list(dict.fromkeys(tuple(row.token_ids) for row in rows))
        token_ids, lengths = padded([text[: len(text) - leave_last] for text in texts])
        num_slots = slots_for(int(lengths.max()) + 1 + max_new_tokens)
        num_slots = min(num_slots, self.context_length or 0)  # recurrent states have none
        read = self._begin(token_ids, lengths, num_slots)
        if len(texts) == len(rows):
            return read
        return take(read, [texts.index(tuple(row.token_ids)) for row in rows])

    def decode(self, decoding, *arguments):
        """Calls `decoding_loop.decode` with the model; the arguments are those up to `eos_id`."""
        function = self._decode if isinstance(decoding.seen, tuple) else self._decode_penalized
        return function(decoding, *arguments)

    def _begin_rows(self, token_ids, lengths, num_slots):
        return begin_with_features(self.model, token_ids, lengths, num_slots)

    def _decode_rows(self, *arguments):
        return decode(self.model, *arguments, limit=self.context_length)

    def _first_step(self, *arguments):
        return first_step(self.model, *arguments)

    def _beam_step(self, *arguments):
        return beam_step(self.model, *arguments)


def beam_step(model, num_beams, state, tokens, active, seen, scores, repetition_penalty):
    """Reads one token per beam and finds the best continuations of each prompt.

    Twice as many candidates as beams are given, so that enough remain when some of them end.

    Args:
        model: A `LanguageModel`.
        num_beams: Python int.
        state: The `DecodingState` before `tokens`, for `prompts * num_beams` rows, a prompt's beams
            together.
        tokens: The last token of each beam, int32, shape `(prompts * num_beams,)`.
        active: Which beams are in use, bool `(prompts * num_beams,)`.
        seen: Which tokens each beam holds, booleans, shape `(prompts * num_beams, vocab_size)`.
        scores: Log-probability of each beam, float64, shape `(prompts, num_beams)`; minus infinity
            for a beam that is not in use.
        repetition_penalty: float32 scalar. The penalised logits are normalised again before beams
            are ranked by them.

    Returns:
        `(state, scores, parents, tokens, log_probs)`: the state after `tokens`, and for each prompt
        its candidates, best first, each of shape `(prompts, candidates)`: score, beam that it goes
        on from, token, and the token's log-probability by the model itself, in nats.
    """
    state = make_room(model, state, active, model.context_length)
    counts = tf.cast(active, tf.int32)
    features, model_state = model.features(tokens[:, None], state.model_state, lengths=counts)
    state = stepped(state, model_state, tokens[:, None], counts)
    logits = model.logits(features)[:, 0]  # (P * K, num_rows)
    # Rows that stand for no token are part of the softmax, and no candidates.
    vocab_size = model.vocab_size
    seen = tf.pad(seen, [[0, 0], [0, logits.shape[-1] - vocab_size]])
    penalized = penalize_repetition(logits, seen, repetition_penalty)
    prompts = tf.shape(scores)[0]
    ranked = tf.cast(tf.nn.log_softmax(penalized)[:, :vocab_size], tf.float64)
    ranked = tf.reshape(ranked, (prompts, num_beams, vocab_size)) + scores[:, :, None]
    ranked = tf.reshape(ranked, (prompts, num_beams * vocab_size))
    # A NaN would be ranked anywhere: first, it cannot be missed.
    ranked = tf.where(tf.math.is_nan(ranked), tf.constant(float("inf"), tf.float64), ranked)
    candidates = min(2 * num_beams, num_beams * vocab_size)
    scores, places = tf.math.top_k(ranked, candidates)  # (P, 2K)
    log_probs = tf.nn.log_softmax(logits)[:, :vocab_size]
    log_probs = tf.reshape(log_probs, (prompts, num_beams * vocab_size))
    log_probs = tf.gather(log_probs, places, batch_dims=1)
    return state, scores, places // vocab_size, places % vocab_size, log_probs


def decoder_of(model):
    """Returns the model's `Decoder`, made once, so that later calls find the traces."""
    return compiled_for(model, "generation.decoder", lambda _: Decoder(model))


def _reorder(state, seen, parents, tokens):
    """Gives each row its parent's state and tokens, and one token more."""
    return take(state, parents), mark_seen(tf.gather(seen, parents), tokens)
