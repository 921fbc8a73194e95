"""A model's negative log-likelihoods, compiled once per shape and kept for later calls."""

import tensorflow as tf

from lm_zoo.compiled import compiled_for
from lm_zoo.errors import UserError
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


def encode_function(model):
    """Returns the model's compiled `(source_ids, lengths) -> memory`, one trace for all shapes."""
    return compiled_for(model, "evaluation.encode", _make_encode)


def _make_encode(reference):
    signature = [tf.TensorSpec((None, None), tf.int32), tf.TensorSpec((None,), tf.int32)]
    return tf.function(
        lambda source_ids, lengths: reference().encode(source_ids, lengths),
        signature,
        autograph=False,
    )


def check_vocabulary(model, tokenizer):
    """Raises a `UserError` unless the tokenizer has as many ids as the model."""
    if tokenizer.vocab_size != model.vocab_size:
        raise UserError(
            f"tokenizer: expected the model's {model.vocab_size} token ids, received a tokenizer "
            f"of {tokenizer.vocab_size}; give the one that the model was trained with."
        )
