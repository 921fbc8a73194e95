"""What a text classifier's predictions give in Python; the arguments are those of `PREDICTIONS`."""

import numpy as np
import tensorflow as tf

from lm_zoo.errors import UserError
from lm_zoo.evaluation.nll import padded_function
from lm_zoo.generation.random_keys import padded
from lm_zoo.limits import MAX_TOKENS


def classify(run, text, k):
    """Returns the k likeliest `labels` of each text and their `log_probs`, likeliest first.

    Raises:
        UserError: If there are fewer labels than k, or a text is longer than the model reads.
    """
    labels, tokenizer = run.task.labels, run.task.tokenizer
    if k > len(labels):
        raise UserError(f"k: expected at most the {len(labels)} labels, received {k}.")
    ids = [[*tokenizer.encode(one), tokenizer.end_id] for one in text]
    limit = run.model.context_length
    for number, one in enumerate(ids, 1):
        if limit is not None and len(one) > limit:
            raise UserError(
                f"text: expected at most {limit} tokens per text, including the end token, "
                f"received {len(one)} in number {number}; shorten it."
            )
    order = sorted(range(len(ids)), key=lambda row: -len(ids[row]))  # less padding
    found, begin = np.zeros((len(ids), len(labels))), 0
    while begin < len(order):
        rows = order[begin : begin + max(1, MAX_TOKENS // len(ids[order[begin]]))]
        found[rows] = _log_probs(run.model, [ids[row] for row in rows])
        begin += len(rows)
    best = np.argsort(-found, axis=1, kind="stable")[:, :k]
    return {
        "labels": [[labels[place] for place in row] for row in best],
        "log_probs": np.take_along_axis(found, best, 1).tolist(),
    }


def _log_probs(model, ids):
    """Returns the log-probability of each label, `(texts, labels)`."""
    logits = padded_function(model, "text_classification.logits", _logits)(*padded(ids))
    return tf.nn.log_softmax(logits).numpy()


def _logits(model, token_ids, lengths):
    return model(token_ids, lengths=lengths)
