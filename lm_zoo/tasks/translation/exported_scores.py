"""Scores of target texts, each after its source, inside a graph."""

import tensorflow as tf

from lm_zoo.export.in_graph.text_groups import at_most, over_groups
from lm_zoo.export.in_graph.text_scores import totals
from lm_zoo.export.in_graph.traced_model import IDS, ROWS
from lm_zoo.export.in_graph.windowed_forward import Windows, forward_windows
from lm_zoo.limits import MAX_LOGITS
from lm_zoo.tasks.language_modeling.exported_scores import (
    next_log_probs,
    noting_log_probs,
)


class InGraphPairScorer:
    """Pure functions of tensors, to be traced.

    Args:
        model: A `TracedModel` of a `SequenceToSequenceModel`.
        end_id: The token that stands before and after each target text (`Tokenizer.end_id`).
        limits: Most tokens of a `source` and of a `target`, or None.
    """

    def __init__(self, model, end_id, limits):
        self.model = model
        self.end_id = int(end_id)
        self.limits = limits
        model.describe(model.add("encode", [IDS, ROWS]))
        self.source_width = model.add("source_features", [IDS, ROWS]).shape[-1]

    def score(self, texts, sources):
        """Scores texts; the arguments are those of `token_log_probs`.

        Returns:
            A dict of sums per text, see `totals`; the tokens include the end token.
        """
        return totals(self.token_log_probs(texts, sources))

    def token_log_probs(self, texts, sources):
        """Returns the log-probability of each token of the texts, and of each text's end.

        Args:
            texts: Target ids, without the end token, int32 RaggedTensor `(batch, None)`.
            sources: Source ids, each text's with its end token, int32 RaggedTensor `(batch, None)`.

        Returns:
            float32 RaggedTensor `(batch, None)` with a value more than a text has tokens, in nats.
        """
        end = tf.fill([texts.nrows(), 1], self.end_id)
        inputs, targets = tf.concat([end, texts], 1), tf.concat([texts, end], 1)
        sizes, source_sizes = (tf.cast(rows.row_lengths(), tf.int32) for rows in (inputs, sources))
        begins = tf.cast(inputs.row_starts(), tf.int32)
        collect = noting_log_probs(self.model, targets.flat_values)

        def read(log_probs, rows):
            by_size = tf.argsort(tf.gather(sizes, rows), direction="DESCENDING", stable=True)
            rows = tf.gather(rows, by_size)
            windows = Windows(tf.gather(begins, rows), tf.gather(sizes, rows), tf.zeros_like(rows))
            lengths = tf.gather(source_sizes, rows)
            memory = self.model.encode(tf.gather(sources, rows).to_tensor(), lengths)
            state = self.model.initial_state(tf.size(rows), windows.sizes[0], memory)
            # As many scores of attention to the source, each perhaps a vector.
            attended = tf.reduce_max(lengths) * self.model.width
            numbers = tf.maximum(attended, self.model.vocab_size)
            return forward_windows(self.model, inputs, windows, state, collect, log_probs, numbers)

        # One place more than there are targets, for padding.
        log_probs = over_groups(
            tf.maximum(sizes, source_sizes),
            read,
            tf.zeros([tf.size(targets.flat_values) + 1]),
            max(1, MAX_LOGITS // self.model.vocab_size),
        )
        return targets.with_flat_values(log_probs[:-1])

    def embed(self, sources):
        """Returns the mean of the encoder's vectors over each source, float32 `(batch, width)`.

        The end token is read but not part of the mean. The vector of a source without other tokens
        is zero.

        Args:
            sources: Strings `(batch,)`.
        """
        sizes = tf.cast(sources.row_lengths(), tf.int32)

        def read(vectors, rows):
            lengths = tf.gather(sizes, rows)
            features = self.model.source_features(tf.gather(sources, rows).to_tensor(), lengths)
            own = tf.sequence_mask(lengths - 1, tf.shape(features)[1], tf.float32)[..., None]
            sums = tf.reduce_sum(tf.cast(features, tf.float32) * own, 1)  # (R, width)
            means = tf.math.divide_no_nan(sums, tf.cast(lengths - 1, tf.float32)[:, None])
            return tf.tensor_scatter_nd_update(vectors, rows[:, None], means)

        return over_groups(sizes, read, tf.zeros([tf.size(sizes), self.source_width]))

    def score_ids(self, token_ids, lengths, source_ids, source_lengths):
        """Returns each next token's log-probability, of rows read in one go; fit for XLA.

        Args:
            token_ids: Target ids from the end token before the text on, int32 `(batch, length)`,
                padded on the right; at most one more than the model's `context_length`.
            lengths: Tokens of each row, int32 `(batch,)`.
            source_ids: Source ids, each row's with its end token, int32 `(batch, source_length)`,
                padded on the right.
            source_lengths: Tokens of each row, int32 `(batch,)`.

        Returns:
            float32 `(batch, length - 1)`, in nats: of the tokens from the second on; 0 beyond a
            row's length.
        """
        inputs, targets = token_ids[:, :-1], token_ids[:, 1:]
        shape = tf.shape(inputs)
        checks = [
            *at_most("token_ids", shape[1], self.model.context_length),
            *at_most("source_ids", tf.shape(source_ids)[1], self.limits["source"]),
        ]
        with tf.control_dependencies(checks):
            inputs, source_ids = tf.identity(inputs), tf.identity(source_ids)
        memory = self.model.encode(source_ids, source_lengths)
        state = self.model.initial_state(shape[0], shape[1], memory)
        return next_log_probs(self.model, inputs, targets, lengths, state)
