"""A model's negative log-likelihoods, compiled once per shape and kept for later calls."""

import weakref

import tensorflow as tf

from lm_zoo.errors import UserError
from lm_zoo.training.losses import token_nll

_FUNCTIONS = weakref.WeakKeyDictionary()  # model -> its function
_ENCODERS = weakref.WeakKeyDictionary()  # model that reads a source -> its compiled `encode`


def nll_function(model):
    """Returns the model's compiled `(inputs, targets, state, *document_starts) -> (nll, state)`.

    `inputs` and `targets` are int32 of shape `(batch, length)`, `nll` is float32 of that shape, in
    nats. `document_starts` is nothing, or one bool tensor of that shape, as `forward` takes. One
    trace for each shape; training and validation in turns find it again.
    """
    if model not in _FUNCTIONS:
        # A weak reference: the cache must not keep a model alive.
        reference = weakref.ref(model)

        @tf.function
        def nll(inputs, targets, state, *document_starts):
            logits, state = reference().forward(inputs, state, False, *document_starts)  # (B, T, V)
            return token_nll(logits, targets), state

        _FUNCTIONS[model] = nll
    return _FUNCTIONS[model]


def encode_function(model):
    """Returns the model's compiled `(source_ids, lengths) -> memory`, one trace for all shapes."""
    if model not in _ENCODERS:
        reference = weakref.ref(model)
        signature = [tf.TensorSpec((None, None), tf.int32), tf.TensorSpec((None,), tf.int32)]
        _ENCODERS[model] = tf.function(
            lambda source_ids, lengths: reference().encode(source_ids, lengths), signature
        )
    return _ENCODERS[model]


def check_vocabulary(model, tokenizer):
    """Raises a `UserError` unless the tokenizer has as many ids as the model."""
    if tokenizer.vocab_size != model.vocab_size:
        raise UserError(
            f"tokenizer: expected the model's {model.vocab_size} token ids, received a tokenizer "
            f"of {tokenizer.vocab_size}; give the one that the model was trained with."
        )
