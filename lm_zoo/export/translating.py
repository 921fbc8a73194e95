"""Translation of token ids inside a graph, with its settings checked."""

import tensorflow as tf

from lm_zoo.generation.graph_beam_search import automatic_length, beam_search


class Translating:
    """Functions of tensors alone, to be traced into a SavedModel.

    Args:
        model: A `TracedPairModel`.
        end_id: The token that begins and ends each target text (`Tokenizer.end_id`).
        max_length: Most tokens of a target text, or None.
    """

    def __init__(self, model, end_id, max_length=None):
        self.model = model
        self.end_id = int(end_id)
        self.max_length = max_length

    def beams(self, sources, num_beams, max_new_tokens, length_penalty, num_return_sequences):
        """Finds the best target texts of sources.

        Args:
            sources: Source ids, each text's with its end token, int32 RaggedTensor `(batch, None)`.
            num_beams: Beams of each source, int32, any shape, one value; 1 is greedy.
            max_new_tokens: Most tokens of a text, its end token included, int32, a scalar or
                `(batch,)`; 0 is twice the source's and 20 more.
            length_penalty: float32, any shape, one value.
            num_return_sequences: Texts of each source, int32, any shape, one value.

        Returns:
            `lm_zoo.generation.graph_beam_search.Hypotheses`.
        """
        num_beams = _one_value("num_beams", num_beams, 1)
        num_return_sequences = _one_value("num_return_sequences", num_return_sequences, 1)
        length_penalty = _one_value("length_penalty", length_penalty)
        expected = "num_return_sequences: expected at most num_beams, received"
        check = tf.debugging.Assert(
            num_return_sequences <= num_beams, [expected, num_return_sequences]
        )
        with tf.control_dependencies([check]):
            num_return_sequences = tf.identity(num_return_sequences)
        lengths = tf.cast(sources.row_lengths(), tf.int32)
        return beam_search(
            self.model,
            sources.to_tensor(),
            lengths,
            self.end_id,
            num_beams,
            self._longest(max_new_tokens, lengths),
            length_penalty,
            num_return_sequences=num_return_sequences,
        )

    def _longest(self, max_new_tokens, source_lengths):
        """Returns the most tokens of each text, int32 `(batch,)`."""
        size = tf.size(max_new_tokens)
        fits = (size == 1) | (size == tf.size(source_lengths))
        expected = (
            "max_new_tokens: expected one value of at least 0, or one for each text, received"
        )
        check = tf.debugging.Assert(
            fits & tf.reduce_all(max_new_tokens >= 0), [expected, max_new_tokens]
        )
        with tf.control_dependencies([check]):
            asked = tf.broadcast_to(tf.reshape(max_new_tokens, [-1]), tf.shape(source_lengths))
        asked = tf.where(asked > 0, asked, automatic_length(source_lengths))
        return asked if self.max_length is None else tf.minimum(asked, self.max_length)


def _one_value(name, values, least=None):
    """Returns the scalar that all values are, after checking that they are one and not too small.

    Rows of a request each have a value in some forms; one search has one for all.
    """
    values = tf.reshape(values, [-1])
    value = tf.concat([values, tf.ones([1], values.dtype)], 0)[0]  # of no rows: 1
    if least is None:
        right, expected = tf.math.is_finite(value), "a finite number"
    else:
        right, expected = value >= least, f"at least {least}"
    expected = f"{name}: expected {expected}, the same for all texts, received"
    check = tf.debugging.Assert(right & tf.reduce_all(values == value), [expected, values])
    with tf.control_dependencies([check]):
        return tf.identity(value)
