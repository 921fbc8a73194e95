"""Beam search after sources: as a graph function, and compiled for translation from Python."""

import tensorflow as tf

from lm_zoo.compiled import compiled_for
from lm_zoo.generation.search.beam_search import advance, as_numbers, begin
from lm_zoo.generation.search.beams import Prompts, Reading, Settings
from lm_zoo.generation.translation_options import AUTOMATIC_LENGTH


def automatic_length(source_lengths):
    """The most tokens of a target where none is asked for: twice the source's and 20 more."""
    times, more = AUTOMATIC_LENGTH
    return times * source_lengths + more


def longest_targets(model, source_lengths, max_new_tokens):
    """The most tokens of each source's target, its end token included.

    Args:
        model: A `SequenceToSequenceModel`.
        source_lengths: Tokens of each source, int32 `(batch,)`, numpy or tensor.
        max_new_tokens: int32, a scalar or `(batch,)`; 0 means `automatic_length`.

    Returns:
        int32 `(batch,)`: no more than the model can read after the end token that a target begins
        with.
    """
    asked = tf.broadcast_to(tf.cast(max_new_tokens, tf.int32), tf.shape(source_lengths))
    longest = tf.where(asked > 0, asked, automatic_length(source_lengths))
    if model.context_length is None:
        return longest
    return tf.minimum(longest, max(model.context_length - 1, 1))


def search_targets(
    model,
    source_ids,
    source_lengths,
    end_id,
    num_beams,
    max_new_tokens=0,
    num_return_sequences=None,
    length_penalty=1.0,
    coverage_penalty=None,
):
    """Finds the best target texts of sources; see `beam_search` for what is best.

    Args:
        model: A built `SequenceToSequenceModel`.
        source_ids: int32 `(batch, source_length)`, each with its end token, padded on the right.
        source_lengths: Tokens of each source, int32 `(batch,)`, numpy or tensor.
        end_id: The target token that begins and ends each text; an int or int32 scalar.
        num_beams: An int or int32 scalar of at least 1.
        max_new_tokens: The most tokens of a text, its end token included: an int, or int32, a
            scalar or one for each source; 0 means `automatic_length`. Never more than
            `context_length - 1`.
        num_return_sequences: How many texts of each source to give, an int or int32 scalar of
            at most `num_beams`; None means `num_beams`. Fewer may take fewer steps.
        length_penalty: A float or scalar.
        coverage_penalty: A float or scalar; None or the number 0 keeps no account of attention,
            and costs nothing.

    Returns:
        `beams.Hypotheses`.
    """
    covers = coverage_penalty is not None and not (
        isinstance(coverage_penalty, (int, float)) and coverage_penalty == 0
    )
    settings = Settings(
        end_id=end_id,
        num_beams=tf.cast(num_beams, tf.int32),
        length_penalty=tf.cast(length_penalty, tf.float64),
        coverage_penalty=tf.cast(coverage_penalty, tf.float64) if covers else (),
    )
    source_lengths = tf.cast(source_lengths, tf.int32)
    batch_size, source_length = tf.shape(source_ids)[0], tf.shape(source_ids)[1]
    prompts = Prompts(
        last_tokens=tf.fill([batch_size], tf.cast(end_id, tf.int32)),
        longest=longest_targets(model, source_lengths, max_new_tokens),
        memory=model.encode(source_ids, source_lengths),
        source_lengths=source_lengths,
    )
    most_steps = tf.reduce_max(tf.concat([prompts.longest, [0]], 0))
    *state, _ = model.initial_state(batch_size * settings.num_beams, most_steps, prompts.memory)
    if num_return_sequences is None:
        num_return_sequences = settings.num_beams
    search = begin(
        settings, prompts, tuple(state), num_return_sequences, source_length=source_length
    )
    search = advance(_TargetStep(model, covers), settings, search, most_steps)
    return as_numbers(search.found)


class _TargetStep:
    """Reads a target token of each beam, as `beam_step.continuations` asks for it."""

    def __init__(self, model, covers):
        self.vocab_size = model.vocab_size
        self._model = model
        self._covers = covers

    def __call__(self, memory, state, tokens, active):
        state = (*state, memory)
        attention = ()
        if self._covers:
            features, state, attention = self._model.features_and_attention(tokens[:, None], state)
        else:
            features, state = self._model.features(tokens[:, None], state)
        logits = self._model.logits(features)[:, 0]
        return Reading(logits, logits, state[:-1], attention)


def search_sources(model, source_ids, source_lengths, end_id, options):
    """Calls `search_targets`, compiled: one trace for any number of sources, tokens and beams.

    Args:
        model: A built `SequenceToSequenceModel`.
        source_ids: Sources, padded on the right, int32 `(batch, length)`, numpy or tensor.
        source_lengths: Tokens of each source, int32 `(batch,)`, numpy or tensor.
        end_id: Id of the end token.
        options: `TranslationOptions`.

    Returns:
        `beams.Hypotheses`.
    """
    numbers = [options.num_beams, options.max_new_tokens, options.num_return_sequences]
    penalties = [options.length_penalty]
    if options.coverage_penalty:
        penalties.append(options.coverage_penalty)
    search = compiled_search(model, len(penalties))
    return search(source_ids, source_lengths, end_id, *numbers, *penalties)


def compiled_search(model, num_penalties=1):
    """Returns `search_targets` of a model, as a function of all but it: with 2 penalties or 1."""
    return compiled_for(
        model,
        ("generation.translation_search", num_penalties),
        lambda model: _compile(model, num_penalties),
    )


def _compile(model, num_penalties):
    number, penalty = tf.TensorSpec((), tf.int32), tf.TensorSpec((), tf.float32)
    ids, lengths = tf.TensorSpec((None, None), tf.int32), tf.TensorSpec((None,), tf.int32)
    return tf.function(
        lambda *arguments: search_targets(model(), *arguments),
        input_signature=[ids, lengths, *[number] * 4, *[penalty] * num_penalties],
        autograph=False,
    )
