"""What a beam search knows, as tensors: settings, prompts, beams, texts that have ended."""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

NOTHING = -1  # in the place of tokens that a hypothesis does not have
NO_SCORE = np.float64(-np.inf)  # the score of what is not there


class Hypotheses(NamedTuple):
    """The best texts of each prompt, best first.

    There may be fewer than asked for, where so many texts do not exist; the rest are of length 0
    with scores of minus infinity.

    Attributes:
        tokens: With the end token, where the text has one, and then -1: int32 `(batch,
            num_return_sequences, length)`.
        lengths: How many tokens there are before the end token, int32 `(batch,
            num_return_sequences)`.
        scores: What they are ranked by, float32 `(batch, num_return_sequences)`; NaN for a prompt
            after which the model gave something else than probabilities.
        log_probs: The model's log-probability of all tokens, the end token's included, in nats,
            float32 `(batch, num_return_sequences)`.
    """

    tokens: tf.Tensor
    lengths: tf.Tensor
    scores: tf.Tensor
    log_probs: tf.Tensor


class Settings(NamedTuple):
    """What is the same for all prompts.

    Attributes:
        end_id: The token that ends a text, an int or int32 scalar; -1 is none.
        num_beams: int32 scalar.
        length_penalty: float64 scalar.
        coverage_penalty: float64 scalar, or `()` where coverage does not count.
    """

    end_id: Any
    num_beams: tf.Tensor
    length_penalty: tf.Tensor
    coverage_penalty: Any = ()


class Prompts(NamedTuple):
    """What texts go on from.

    Attributes:
        last_tokens: The token that each text's first step reads, int32 `(batch,)`.
        longest: The most tokens of each prompt's texts, their end token included, int32 `(batch,)`.
        memory: What all texts of a prompt read besides, from `encode` of a model with a source;
            else `()`.
        source_lengths: Tokens of each source, int32 `(batch,)`, or `()`.
    """

    last_tokens: tf.Tensor
    longest: tf.Tensor
    memory: Any = ()
    source_lengths: Any = ()


class Reading(NamedTuple):
    """What a step makes of a token of each beam.

    Attributes:
        logits: The model's, `(batch * num_beams, num_rows)`; rows after those of the tokens stand
            for none: they are part of the softmax, and no candidates.
        ranking: The logits that beams are ranked by: `logits`, or others of that shape.
        state: The beams' state after the token.
        attention: The part of its attention that each source token has, float32 `(batch *
            num_beams, source_length)`, or `()`.
    """

    logits: tf.Tensor
    ranking: tf.Tensor
    state: Any
    attention: Any = ()


class Beams(NamedTuple):
    """The texts that grow after each prompt.

    Attributes:
        state: The model's state without the memory, `batch * num_beams` rows.
        tokens: int32 `(batch, num_beams, length)`.
        log_probs: What they are ranked by, float64 `(batch, num_beams)`; minus infinity for a beam
            that is not in use.
        own_log_probs: The model's own, float64 `(batch, num_beams)`, where they are ranked by
            others; else `()`.
        coverage: The attention that each source token has had, float32 `(batch, num_beams,
            source_length)`, or `()`.
    """

    state: Any
    tokens: tf.Tensor
    log_probs: tf.Tensor
    own_log_probs: Any
    coverage: Any


class Candidates(NamedTuple):
    """Continuations of each prompt's beams, best first.

    Attributes:
        parents: Index of the beam that each continues, int32 `(batch, candidates)`.
        tokens: All of its tokens, int32 `(batch, candidates, length)`.
        last_tokens: The last of them, int32 `(batch, candidates)`.
        log_probs: Sum over all tokens, as used for ranking, float64 `(batch, candidates)`.
        own_log_probs: The model's own log-probabilities, float64 `(batch, candidates)`, if the
            ranking uses others; else `()`.
    """

    parents: tf.Tensor
    tokens: tf.Tensor
    last_tokens: tf.Tensor
    log_probs: tf.Tensor
    own_log_probs: Any
