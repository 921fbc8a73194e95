"""Beam search: the likeliest texts, several at a time."""

import dataclasses
import math

import tensorflow as tf

from lm_zoo.generation.rows import Row, last_tokens, tokens_seen


@dataclasses.dataclass
class Beam:
    """A text and its log-probability as ranked (penalised, not divided by length)."""

    row: Row
    score: float


class PromptBeams:
    """The beams of one prompt, and the hypotheses that have ended.

    Follows transformers' beam search: a candidate ends among the best `num_beams` or not at all;
    hypotheses are ranked by log-probability over length to the power of `length_penalty`, the
    length being that of the generated tokens, the end token included. The search stops when no
    beam can still overtake the worst of `num_beams` ended ones.
    """

    def __init__(self, row, options):
        self.options = options
        self.beams = [Beam(row, 0.0)]
        self.parents = [0] * options.num_beams
        self.ended = []

    @property
    def done(self):
        return not self.beams

    def _cannot_improve(self):
        if not self.beams or len(self.ended) < self.options.num_beams:
            return False
        penalty = self.options.length_penalty
        length = len(self.beams[0].row.generated_ids)
        if penalty > 0:  # a longer text can only be divided by more
            length = self.options.max_new_tokens
        best = max(beam.score for beam in self.beams) / length**penalty
        return best <= self.ended[-1][0]

    def advance(self, scores, parents, tokens, log_probs):
        """Takes the candidates of one step, best first."""
        num_beams = self.options.num_beams
        going_on, new_parents = [], []
        for rank, (score, parent) in enumerate(zip(scores, parents)):
            if score == -math.inf or len(going_on) == num_beams:
                break
            row = self.beams[parent].row.fork()
            row.accept(int(tokens[rank]), float(log_probs[rank]))
            if not row.finished_by:
                going_on.append(Beam(row, float(score)))
                new_parents.append(int(parent))
            elif rank < num_beams:
                self._end(Beam(row, float(score)))
        self.beams = going_on
        if self._cannot_improve():
            self.beams, new_parents = [], []
        self.parents = new_parents + [0] * (num_beams - len(new_parents))

    def _end(self, beam):
        length = len(beam.row.generated_ids)
        self.ended.append((beam.score / length**self.options.length_penalty, beam.row))
        self.ended.sort(key=lambda entry: -entry[0])
        del self.ended[self.options.num_beams :]

    def padded(self):
        """Returns `(rows, scores)` of exactly `num_beams` beams, the missing ones unusable."""
        missing = self.options.num_beams - len(self.beams)
        rows = [beam.row for beam in self.beams] + [_idle(self._any_row())] * missing
        return rows, [beam.score for beam in self.beams] + [-math.inf] * missing

    def _any_row(self):
        return self.beams[0].row if self.beams else self.ended[0][1]


def search_beams(decoder, rows, options):
    """Runs beam search from each row, a prompt's only one.

    Args:
        decoder: The model's `Decoder`.
        rows: `Row`s that hold the prompts.
        options: `GenerationOptions` with `num_beams` above 1.

    Returns:
        For each prompt its ended rows, best first, at least one and at most `num_beams`.
    """
    num_beams = options.num_beams
    searches = [PromptBeams(row, options) for row in rows]
    penalty = tf.constant(options.repetition_penalty, tf.float32)
    beams, scores = _gathered(searches)
    state, _ = decoder.begin(beams, options.max_new_tokens, leave_last=True)
    seen = tf.constant(tokens_seen(beams, decoder.vocab_size))
    for _ in range(options.max_new_tokens):
        state, *candidates = decoder.beam_step(
            num_beams,
            state,
            last_tokens(beams),
            tf.constant([not beam.finished_by for beam in beams]),
            seen,
            tf.constant(scores, tf.float64),
            penalty,
        )
        for search, *mine in zip(searches, *(part.numpy() for part in candidates)):
            if not search.done:
                search.advance(*mine)
        if all(search.done for search in searches):
            break
        beams, scores = _gathered(searches)
        parents = [
            index * num_beams + parent
            for index, search in enumerate(searches)
            for parent in search.parents
        ]
        state, seen = decoder.reorder(
            state, seen, tf.constant(parents, tf.int32), last_tokens(beams)
        )
    return [[row for _, row in search.ended] for search in searches]


def _gathered(searches):
    padded = [search.padded() for search in searches]
    rows = [row for rows, _ in padded for row in rows]
    return rows, [scores for _, scores in padded]


def _idle(row):
    """A copy that takes a place in the batch and counts as finished."""
    idle = row.fork()
    idle.finished_by = idle.finished_by or "idle"
    return idle
