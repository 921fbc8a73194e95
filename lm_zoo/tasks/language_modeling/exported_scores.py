"""Scores of texts inside a graph: the numbers of `lm_zoo.evaluation`, from strings."""

import tensorflow as tf

from lm_zoo.export.in_graph.text_scores import nll_in_parts, totals
from lm_zoo.export.in_graph.windowed_forward import forward_texts
from lm_zoo.generation.decoding_state import prefill
from lm_zoo.layers.token_losses import token_nll


class InGraphScorer:
    """Pure functions of tensors, to be traced.

    Args:
        model: A `TracedModel`.
        start_ids: The token ids that stand before a text (`Tokenizer.start_ids`).
        starts_prompts: Whether they stand before a prompt that is not empty too.
    """

    def __init__(self, model, start_ids, starts_prompts=False):
        self.model = model
        self.start_ids = [int(token) for token in start_ids]
        self.starts_prompts = starts_prompts

    def score(self, texts):
        """Scores texts as `lm_zoo.evaluation.scoring.score_texts` does.

        Args:
            texts: Token ids, int32 RaggedTensor `(batch, None)`.

        Returns:
            A dict of tensors of shape `(batch,)`: `log_prob`, float32, of the tokens scored, in
            nats; `num_tokens`, int32, how many they are; `perplexity`, float32, per token scored,
            NaN where there is none.
        """
        return totals(texts.with_flat_values(self.token_log_probs(texts)))

    def token_log_probs(self, texts):
        """Returns the log-probability of each token of the texts.

        Args:
            texts: Token ids, int32 RaggedTensor `(batch, None)`.

        Returns:
            float32 of shape `(tokens,)`, in nats; NaN for a text's first token where nothing stands
            before it.
        """
        whole = self._after_start(texts)
        inputs = whole[:, :-1]
        targets = whole[:, 1:].flat_values
        num_inputs, collect = tf.size(targets), noting_log_probs(self.model, targets)
        # One place more than there are inputs, for what does not count.
        log_probs = tf.fill([num_inputs + 1], float("nan"))
        log_probs = forward_texts(self.model, inputs, collect, log_probs)
        log_probs = tf.concat([log_probs[:-1], [float("nan")]], axis=0)
        # The input before each token of a text; its first has none where nothing stands before it.
        before = tf.ragged.range(texts.row_lengths()).flat_values + len(self.start_ids) - 1
        places = tf.gather(inputs.row_starts(), texts.value_rowids()) + before
        places = tf.where(before < 0, tf.cast(num_inputs, tf.int64), places)
        return tf.gather(log_probs, places)

    def next_token(self, texts, k):
        """Returns the likeliest tokens after each text, best first.

        The texts are read as prompts of a generation are: after `start_ids` if these start prompts,
        or else with `start_ids` in place of an empty one; and of those longer than the model's
        `context_length`, as many of the last tokens.

        Args:
            texts: Token ids, int32 RaggedTensor `(batch, None)`.
            k: How many, int32 scalar.

        Returns:
            `(tokens, log_probs)`: int32 and float32 of shape `(batch, k)`, in nats.
        """
        vocab_size = self.model.vocab_size
        expected = f"k: expected a whole number from 1 to {vocab_size}, received"
        check = tf.debugging.Assert((k >= 1) & (k <= vocab_size), [expected, k])
        with tf.control_dependencies([check]):
            k = tf.identity(k)
        texts = self._after_start(texts) if self.starts_prompts else texts
        if self.model.context_length is not None:
            texts = texts[:, -self.model.context_length :]
        token_ids, lengths = self._begun(texts)
        state = prefill(self.model, token_ids, lengths - 1, tf.shape(token_ids)[1]).model_state
        last = tf.gather(token_ids, lengths[:, None] - 1, batch_dims=1)  # (B, 1)
        features, _ = self.model.features(last, state)
        log_probs = tf.nn.log_softmax(self.model.logits(features)[:, 0])[:, :vocab_size]  # (B, V)
        log_probs, tokens = tf.math.top_k(log_probs, k)
        return tokens, log_probs

    def embed(self, texts):
        """Returns the mean of `features` over each text's tokens, float32 `(batch, width)`.

        The text is read after `start_ids`, which do not count. The vector of no tokens is zero.

        Args:
            texts: Token ids, int32 RaggedTensor `(batch, None)`.
        """
        whole = self._after_start(texts)
        positions = tf.cast(tf.ragged.range(whole.row_lengths()).flat_values, tf.int32)
        rows = tf.cast(whole.value_rowids(), tf.int32)
        batch = tf.cast(texts.nrows(), tf.int32)
        rows = tf.where(positions < len(self.start_ids), batch, rows)
        rows = tf.concat([rows, [batch]], axis=0)  # (tokens + 1,): where each is added

        def collect(sums, piece):
            features = tf.cast(piece.features, tf.float32)
            return tf.tensor_scatter_nd_add(
                sums, tf.gather(rows, piece.places)[..., None], features
            )

        sums = tf.zeros([batch + 1, self.model.width])
        sums = forward_texts(self.model, whole, collect, sums)[:-1]
        counts = tf.cast(texts.row_lengths(), tf.float32)[:, None]
        return tf.math.divide_no_nan(sums, counts)

    def score_ids(self, token_ids, lengths):
        """Returns each next token's log-probability, of rows read in one go; fit for XLA.

        Args:
            token_ids: int32 `(batch, length)`, of at most the model's `context_length`, padded on
                the right.
            lengths: Tokens of each row, int32 `(batch,)`.

        Returns:
            float32 `(batch, length - 1)`, in nats: of the tokens from the second on; 0 beyond a
            row's length.
        """
        inputs, targets = token_ids[:, :-1], token_ids[:, 1:]
        shape = tf.shape(inputs)
        limit = self.model.context_length
        if limit is not None:
            expected = f"token_ids: expected rows of at most {limit + 1}, received"
            check = tf.debugging.Assert(shape[1] <= limit, [expected, shape[1] + 1])
            with tf.control_dependencies([check]):
                inputs = tf.identity(inputs)
        state = self.model.initial_state(shape[0], shape[1])
        return next_log_probs(self.model, inputs, targets, lengths, state)

    def _begun(self, texts):
        """Returns ids `(batch, length)` and lengths, with `start_ids` for an empty text."""
        token_ids, lengths = texts.to_tensor(), tf.cast(texts.row_lengths(), tf.int32)
        count = len(self.start_ids)
        if not count:
            expected = "text: expected at least one token in each, received none"
            check = tf.debugging.Assert(tf.reduce_all(lengths > 0), [expected])
            with tf.control_dependencies([check]):
                return token_ids, tf.identity(lengths)
        missing = tf.maximum(count - tf.shape(token_ids)[1], 0)
        token_ids = tf.pad(token_ids, [[0, 0], [0, missing]])
        padding = tf.shape(token_ids)[1] - count
        start = tf.pad(tf.constant([self.start_ids], tf.int32), [[0, 0], [0, padding]])
        empty = lengths == 0
        return tf.where(empty[:, None], start, token_ids), tf.where(empty, count, lengths)

    def _after_start(self, texts):
        start = tf.tile(tf.constant([self.start_ids], tf.int32), [texts.nrows(), 1])
        return tf.concat([start, texts], axis=1)


def noting_log_probs(model, targets):
    """Returns what `lm_zoo.export.in_graph.windowed_forward` calls with each piece that it has read.

    The function puts the log-probabilities of the piece's targets in their places.

    Args:
        model: A `TracedModel`.
        targets: The token after each input of all texts, int32 `(inputs,)`.
    """
    last = tf.size(targets) - 1

    def collect(log_probs, piece):
        following = tf.gather(targets, tf.minimum(piece.places, last))
        nll = token_nll(model.logits(piece.features), following)  # (R, T)
        return tf.tensor_scatter_nd_update(log_probs, piece.places[..., None], -nll)

    return collect


def next_log_probs(model, inputs, targets, lengths, state):
    """Returns the log-probabilities of rows read in one go, 0 beyond a row's length.

    Args:
        model: A `TracedModel`.
        inputs: int32 `(batch, length)`.
        targets: The token after each.
        lengths: Tokens of each row, one more than it has inputs, int32 `(batch,)`.
        state: Before the inputs.
    """
    features, _ = model.features(inputs, state)
    nll = nll_in_parts(model, features, targets)
    goes_on = tf.range(1, tf.shape(inputs)[1] + 1)[None] < lengths[:, None]
    return tf.where(goes_on, -nll, 0.0)
