"""A model's negative log-likelihoods, compiled once per shape and kept for later calls."""

import tensorflow as tf

from lm_zoo.compiled import compiled_for
from lm_zoo.layers.token_losses import token_nll


def nll_function(model):
    """Returns the model's compiled `(inputs, targets, state, *document_starts) -> (nll, state)`.

    `inputs` and `targets` are int32 of shape `(batch, length)`, `nll` is float32 of that shape, in
    nats. `document_starts` is nothing, or one bool tensor of that shape, as `forward` takes. One
    trace for each shape; training and validation in turns find it again.
    """
    return compiled_for(model, "evaluation.nll", _make_nll)


def _make_nll(reference):
    @tf.function(autograph=False)
    def nll(inputs, targets, state, *document_starts):
        logits, state = reference().forward(inputs, state, False, *document_starts)  # (B, T, V)
        return token_nll(logits, targets), state

    return nll


def padded_function(model, key, call):
    """Returns a model's compiled function of rows padded on the right, one trace for all shapes.

    Args:
        model: The model.
        key: Identifies `call`: the function is compiled once per model and key.
        call: Called as `call(model, token_ids, lengths)`, int32 `(rows, length)` and `(rows,)`.

    Returns:
        A function of `token_ids` and `lengths`.
    """
    signature = [tf.TensorSpec((None, None), tf.int32), tf.TensorSpec((None,), tf.int32)]

    def make(reference):
        return tf.function(
            lambda token_ids, lengths: call(reference(), token_ids, lengths),
            input_signature=signature,
            autograph=False,
        )

    return compiled_for(model, key, make)
