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

    def beams(self, sources, beam_size, max_length, length_penalty, num_best):
        """Finds the best target texts of sources.

        Args:
            sources: Source ids, each text's with its end token, int32 RaggedTensor `(batch, None)`.
            beam_size: Beams of each source, int32, any shape, one value; 1 is greedy.
            max_length: Most tokens of a text, its end token included, int32, a scalar or
                `(batch,)`; 0 is twice the source's and 20 more.
            length_penalty: float32, any shape, one value.
            num_best: Texts of each source, int32, any shape, one value.

        Returns:
            `lm_zoo.generation.graph_beam_search.Hypotheses`.
        """
        beam_size = _one_value("beam_size", beam_size, 1)
        num_best = _one_value("num_best", num_best, 1)
        length_penalty = _one_value("length_penalty", length_penalty)
        expected = "num_best: expected at most beam_size, received"
        check = tf.debugging.Assert(num_best <= beam_size, [expected, num_best])
        with tf.control_dependencies([check]):
            num_best = tf.identity(num_best)
        lengths = tf.cast(sources.row_lengths(), tf.int32)
        return beam_search(
            self.model,
            sources.to_tensor(),
            lengths,
            self.end_id,
            beam_size,
            self._longest(max_length, lengths),
            length_penalty,
            num_best=num_best,
        )

    def _longest(self, max_length, source_lengths):
        """Returns the most tokens of each text, int32 `(batch,)`."""
        size = tf.size(max_length)
        fits = (size == 1) | (size == tf.size(source_lengths))
        expected = "max_length: expected one value of at least 0, or one for each text, received"
        check = tf.debugging.Assert(fits & tf.reduce_all(max_length >= 0), [expected, max_length])
        with tf.control_dependencies([check]):
            asked = tf.broadcast_to(tf.reshape(max_length, [-1]), tf.shape(source_lengths))
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
