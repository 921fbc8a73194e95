"""Beam search after prompts: compiled for a language model, with stop strings."""

import numpy as np
import tensorflow as tf

from lm_zoo.compiled import compiled_for
from lm_zoo.generation.decoding import MAX_STEPS
from lm_zoo.generation.decoding_state import slide_full_rows, state_specs, stepped
from lm_zoo.generation.rows import last_tokens, tokens_seen
from lm_zoo.generation.samplers import mark_seen, penalize_repetition
from lm_zoo.generation.search.beam_search import (
    advance,
    as_numbers,
    begin,
    choose,
    collected,
)
from lm_zoo.generation.search.beam_step import continuations
from lm_zoo.generation.search.beams import NO_SCORE, Prompts, Reading, Settings


def search_beams(decoder, rows, options):
    """Runs beam search from each row, a prompt's only one.

    Args:
        decoder: The model's `Decoder`.
        rows: `Row`s that hold the prompts.
        options: `GenerationOptions` with `num_beams` above 1.

    Returns:
        For each prompt its best texts as rows, best first, at least one and at most
        `num_return_sequences`.
    """
    copies = [row for row in rows for _ in range(options.num_beams)]
    state, _ = decoder.prefill(copies, options.max_new_tokens, leave_last=True)
    penalizes = options.repetition_penalty != 1
    seen = tf.constant(tokens_seen(copies, decoder.vocab_size)) if penalizes else ()
    settings = Settings(
        end_id=tf.constant(-1 if rows[0].eos_id is None else rows[0].eos_id),
        num_beams=tf.constant(options.num_beams),
        length_penalty=tf.constant(options.length_penalty, tf.float64),
    )
    prompts = Prompts(tf.constant(last_tokens(rows)), tf.fill([len(rows)], options.max_new_tokens))
    search = begin(settings, prompts, (state, seen), options.num_return_sequences, penalizes)
    penalty = tf.constant(options.repetition_penalty, tf.float32)
    grow = _grow_watched if options.stop else _grow
    found = grow(decoder.model, rows, settings, penalty, search)
    tokens, _, scores, log_probs = (part.numpy() for part in as_numbers(found, tf.float64))
    return [
        [
            row.continued(token_ids[token_ids >= 0].tolist(), float(log_prob))
            for token_ids, score, log_prob in zip(tokens[i], scores[i], log_probs[i])
            if score != NO_SCORE
        ]
        for i, row in enumerate(rows)
    ]


def _grow(model, rows, settings, penalty, search):
    """Returns the `Hypotheses` of the prompts."""
    key = ("generation.prompt_search", isinstance(search.growing.beams.own_log_probs, tuple))
    advance_compiled = compiled_for(model, key, lambda model: _make_advance(model, search))
    while len(search.growing.rows):
        search = advance_compiled(search, settings, penalty, MAX_STEPS)
    return search.found


def _grow_watched(model, rows, settings, penalty, search):
    """The same where stop strings, which are looked for in Python, end texts too."""
    key = ("generation.prompt_half_steps", isinstance(search.growing.beams.own_log_probs, tuple))
    read, choose_compiled = compiled_for(model, key, lambda model: _make_half_steps(model, search))
    watch = StopWatch(rows, settings)
    while search.growing.active.numpy().any():
        continued = read(search, settings, penalty)
        stopped = watch.stopped(search.growing.active, continued[0])
        search = choose_compiled(search, settings, continued, stopped)
    return collected(search.growing, search.found)


class StopWatch:
    """Looks for stop strings in the beams of prompts.

    Args:
        rows: A `Row` for each prompt.
        settings: `Settings`.
    """

    def __init__(self, rows, settings):
        self._end_id = int(settings.end_id)
        self._num_beams = int(settings.num_beams)
        self._streams = [[row.stream] for row in rows]  # of each beam that is in use

    def stopped(self, active, candidates):
        """Returns which candidates a stop string ends, and goes on with the beams that remain.

        Args:
            active: Prompts that are not done, bool `(batch,)`.
            candidates: `beams.Candidates` of them.

        Returns:
            bool `(batch, candidates)`. Those after the ones that go on are not looked at.
        """
        scores, *choices = (
            part.numpy()
            for part in (candidates.log_probs, candidates.parents, candidates.last_tokens)
        )
        stopped = np.zeros(scores.shape, bool)
        for prompt in np.flatnonzero(active):
            going_on = []
            for rank, (parent, token) in enumerate(zip(*(part[prompt] for part in choices))):
                if scores[prompt, rank] == NO_SCORE or len(going_on) == self._num_beams:
                    break
                stream = self._streams[prompt][parent].fork()
                stream.push(int(token))
                stopped[prompt, rank] = stream.stopped
                if token != self._end_id and not stream.stopped:
                    going_on.append(stream)
            self._streams[prompt] = going_on
        return stopped


class _PromptStep:
    """Reads a token of each beam, as `beam_step.continuations` asks for it."""

    def __init__(self, model, penalty):
        self.vocab_size = model.vocab_size
        self._model = model
        self._penalty = penalty

    def __call__(self, memory, state, tokens, active):
        (state, seen), model = state, self._model
        state = slide_full_rows(model, state, active, model.context_length)
        counts = tf.cast(active, tf.int32)
        features, model_state = model.features(tokens[:, None], state.model_state, lengths=counts)
        state = stepped(state, model_state, tokens[:, None], counts)
        logits = ranking = model.logits(features)[:, 0]
        if not isinstance(seen, tuple):
            seen = mark_seen(seen, tokens)
            missing = logits.shape[-1] - self.vocab_size
            in_rows = tf.pad(seen, [[0, 0], [0, missing]])
            ranking = penalize_repetition(logits, in_rows, self._penalty)
        return Reading(logits, ranking, (state, seen))


def _make_advance(model, search):
    """Compiles `beam_search.advance`, one trace for any number of prompts, beams and tokens.

    Args:
        model: A weak reference to a `LanguageModel`.
        search: A `Search` of it; others differ in sizes alone.
    """

    def run(search, settings, penalty, num_steps):
        return advance(_PromptStep(model(), penalty), settings, search, num_steps)

    signature = [*_specs(model, search), tf.TensorSpec((), tf.int32)]
    return tf.function(run, input_signature=signature, autograph=False)


def _make_half_steps(model, search):
    """Compiles the halves of a step: `beam_step.continuations` and `beam_search.choose`."""
    specs = _specs(model, search)

    def read(search, settings, penalty):
        growing = search.growing
        return continuations(
            _PromptStep(model(), penalty),
            settings,
            search.index,
            *(growing.active, growing.prompts, growing.beams),
        )

    def choose_and_count(search, settings, continued, stopped):
        growing = choose(settings, search.index, search.growing, *continued, stopped)
        return search._replace(index=search.index + 1, growing=growing)

    read = tf.function(read, input_signature=specs, autograph=False)
    outputs = tf.nest.map_structure(_any_size, read.get_concrete_function().structured_outputs)
    signature = [*specs[:2], outputs, tf.TensorSpec((None, None), tf.bool)]
    return read, tf.function(choose_and_count, input_signature=signature, autograph=False)


def _specs(model, search):
    """Returns the specs of a `Search`, its `Settings` and the repetition penalty."""
    specs = tf.nest.map_structure(_any_size, search)
    (_, seen), growing = specs.growing.beams.state, specs.growing
    beams = growing.beams._replace(state=(state_specs(model())[0], seen))
    number = tf.TensorSpec((), tf.int32)
    settings = Settings(number, number, tf.TensorSpec((), tf.float64))
    specs = specs._replace(growing=growing._replace(beams=beams))
    return [specs, settings, tf.TensorSpec((), tf.float32)]


def _any_size(tensor):
    return tf.TensorSpec([None] * tensor.shape.rank, tensor.dtype)
