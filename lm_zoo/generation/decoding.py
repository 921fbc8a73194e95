"""A model's compiled steps for generation, shared by sampling and beam search."""

import weakref

import tensorflow as tf

from lm_zoo.generation.samplers import choose_tokens, mark_seen, penalize_repetition

READ_LENGTHS = (512, 64, 8, 1)  # a text of any length is read in pieces of these: few traces

_DECODERS = weakref.WeakKeyDictionary()  # model -> Decoder


def decode_step(model, state, tokens, seen, sample_index, token_index, settings):
    """Reads one token per row and chooses the next: the body of every sampling loop.

    Args:
        model: A `LanguageModel`.
        state: The state before `tokens`.
        tokens: The last token of each row, not read yet, int32, shape `(batch,)`.
        seen: Which tokens each row holds, booleans, shape `(batch, vocab_size)`.
        sample_index: int32, shape `(batch,)`.
        token_index: Number of tokens generated so far, int32, shape `(batch,)`.
        settings: `SamplingSettings`.

    Returns:
        `(state, tokens, seen, log_probs)`, of the same shapes; `log_probs` are the model's own, in
        nats, float32, shape `(batch,)`.
    """
    logits, state = model.forward(tokens[:, None], state)  # (B, 1, V)
    tokens, log_probs = choose_tokens(logits[:, 0], seen, sample_index, token_index, settings)
    return state, tokens, mark_seen(seen, tokens), log_probs


def beam_step(model, num_beams, state, tokens, seen, scores, repetition_penalty):
    """Reads one token per beam and finds the best continuations of each prompt.

    Twice as many candidates as beams are given, so that enough remain when some of them end.

    Args:
        model: A `LanguageModel`.
        num_beams: Python int.
        state: The state before `tokens`, for `prompts * num_beams` rows, a prompt's beams together.
        tokens: The last token of each beam, int32, shape `(prompts * num_beams,)`.
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
    logits, state = model.forward(tokens[:, None], state)
    logits = tf.cast(logits[:, 0], tf.float32)  # (P * K, V)
    penalized = penalize_repetition(logits, seen, repetition_penalty)
    vocab_size = logits.shape[-1]
    prompts = tf.shape(scores)[0]
    ranked = tf.cast(tf.nn.log_softmax(penalized), tf.float64)
    ranked = tf.reshape(ranked, (prompts, num_beams, vocab_size)) + scores[:, :, None]
    ranked = tf.reshape(ranked, (prompts, num_beams * vocab_size))
    # A NaN would be ranked anywhere: first, it cannot be missed.
    ranked = tf.where(tf.math.is_nan(ranked), tf.constant(float("inf"), tf.float64), ranked)
    candidates = min(2 * num_beams, num_beams * vocab_size)
    scores, places = tf.math.top_k(ranked, candidates)  # (P, 2K)
    log_probs = tf.reshape(tf.nn.log_softmax(logits), (prompts, num_beams * vocab_size))
    log_probs = tf.gather(log_probs, places, batch_dims=1)
    return state, scores, places // vocab_size, places % vocab_size, log_probs


class Decoder:
    """Compiled functions of one model: one trace for each batch size and reading length.

    Every tensor of a state has the batch as its first dimension, so rows are read one at a time,
    put together, replaced and reordered without knowing what a state holds.
    """

    def __init__(self, model):
        # A weak reference: the cache below must not keep a model alive.
        self._model = weakref.ref(model)
        self.context_length = model.context_length
        self.vocab_size = model.vocab_size
        self.step = tf.function(self._step)
        self.beam_step = tf.function(self._beam_step)
        self.reorder = tf.function(_reorder)
        self._read_piece = tf.function(self._read)

    @property
    def model(self):
        return self._model()

    def _step(self, *arguments):
        return decode_step(self.model, *arguments)

    def _beam_step(self, *arguments):
        return beam_step(self.model, *arguments)

    def _read(self, token_ids, state):
        return self.model.forward(token_ids, state)[1]

    def read(self, token_ids):
        """Returns the state, of batch size 1, after reading a list of token ids from the start."""
        state = self.model.initial_state(1)
        begin = 0
        for length in READ_LENGTHS:
            while len(token_ids) - begin >= length:
                piece = tf.constant([token_ids[begin : begin + length]], tf.int32)
                state = self._read_piece(piece, state)
                begin += length
        return state

    def join(self, states):
        """Puts states together along the batch."""
        return tf.nest.map_structure(lambda *parts: tf.concat(parts, axis=0), *states)

    def replace_row(self, state, index, row):
        """Returns `state` with the row `index` replaced by `row`, a state of batch size 1."""

        def replace(old, new):
            return tf.concat([old[:index], tf.cast(new, old.dtype), old[index + 1 :]], axis=0)

        return tf.nest.map_structure(replace, state, row)


def decoder_of(model):
    """Returns the model's `Decoder`, made once, so that later calls find the traces."""
    if model not in _DECODERS:
        _DECODERS[model] = Decoder(model)
    return _DECODERS[model]


def _reorder(state, seen, parents, tokens):
    """Gives each row its parent's state and tokens, and one token more."""

    def gather(tensor):
        return tf.gather(tensor, parents, axis=0)

    return tf.nest.map_structure(gather, state), mark_seen(gather(seen), tokens)
