"""The functions of an exported classifier, as a caller sees them."""

import tensorflow as tf

from lm_zoo.export.in_graph.text_groups import over_groups, within_limit


class ClassificationFunctions:
    """Functions of tensors, to be traced with the inputs that `PREDICTIONS` says.

    Args:
        model: A `TracedModel` of a `TextClassifier`.
        preprocessors: The `Tokenizer` of `text` and the labels of `label`.
        in_graph: That of `text` as a module of TensorFlow.
        limits: Most tokens of a `text`, its end token included, or None.
    """

    def __init__(self, model, preprocessors, in_graph, limits):
        ids, rows = tf.TensorSpec((None, None), tf.int32), tf.TensorSpec((None,), tf.int32)
        model.add("call", [ids, rows])
        self._model = model
        self._tokenizer = in_graph["text"]
        self._end_id = int(preprocessors["text"].end_id)
        self._labels = [label.encode("utf-8") for label in preprocessors["label"].labels]
        self._limit = limits["text"]

    def classify(self, text, k):
        """Strings `(batch,)` -> the k likeliest `labels` of each and their `log_probs`, likeliest
        first."""
        count = len(self._labels)
        check = tf.debugging.Assert(k <= count, [f"k: expected at most {count}, received", k])
        with tf.control_dependencies([check]):
            k = tf.identity(k)
        token_ids = self._tokenizer.tokenize(text)
        end = tf.fill([token_ids.nrows(), 1], self._end_id)
        token_ids = within_limit(tf.concat([token_ids, end], 1), "text", self._limit)
        lengths = tf.cast(token_ids.row_lengths(), tf.int32)

        def read(logits, rows):
            ids = tf.gather(token_ids, rows).to_tensor()
            found = self._model.call(ids, tf.gather(lengths, rows))
            return tf.tensor_scatter_nd_update(logits, rows[:, None], found)

        with self._model.widened():
            logits = over_groups(lengths, read, tf.zeros([tf.size(lengths), count]))
        log_probs, places = tf.math.top_k(tf.nn.log_softmax(logits), k)
        return {"labels": tf.gather(tf.constant(self._labels), places), "log_probs": log_probs}
