"""The functions of an exported model, as a caller sees them: strings, and defaults."""

import inspect

import numpy as np
import tensorflow as tf

from lm_zoo.export.utf8 import checked_utf8

DEFAULTS = {
    "next_token": {"k": 5},
    "generate": {
        "max_new_tokens": 100,
        "temperature": 1.0,
        "top_k": 0,
        "top_p": 1.0,
        "seed": 0,
        "stop": "",
    },
}
TEXT = tf.TensorSpec((None,), tf.string, name="text")


class StringFunctions:
    """Functions of tensors, each to be traced with its `input_signature`.

    Args:
        model: The `TracedModel` that scorer and generating use.
        tokenizer: The `Tokenizer`.
        tokenizer_module: What `module_of` made of it.
        scorer: A `Scorer`.
        generating: A `Generating`.
    """

    def __init__(self, model, tokenizer, tokenizer_module, scorer, generating):
        self._model = model
        self._tokenizer = tokenizer_module
        self._scorer = scorer
        self._generating = generating
        self._token_texts = token_texts(tokenizer)

    def compiled(self, name):
        """Returns the `tf.function` of one of these functions, or of the two objects' below."""
        if name == "score_ids":
            ids, rows = tf.TensorSpec((None, None), tf.int32), tf.TensorSpec((None,), tf.int32)
            return with_weights(self._model, self._scorer.score_ids, [ids, rows])
        if name in ("score", "token_logprobs", "embed"):
            return tf.function(getattr(self, name), input_signature=[TEXT], autograph=False)
        if name == "next_token":
            specs = [TEXT, tf.TensorSpec(None, tf.int32, name="k")]
        else:
            specs = self._generating.signature(name)
        if name in DEFAULTS:
            function = with_defaults(getattr(self, name), DEFAULTS[name])
            return tf.function(function, input_signature=specs, autograph=False)
        return with_weights(self._model, getattr(self._generating, name), specs)

    def score(self, text):
        """Strings `(batch,)` -> `log_prob` in nats, `num_tokens` and `perplexity` of each."""
        with self._model.widened():
            return self._scorer.score(self._token_ids(text))

    def token_logprobs(self, text):
        """Strings `(batch,)` -> the `tokens` of all, their `log_probs`, and `row_lengths`."""
        token_ids = self._token_ids(text)
        with self._model.widened():
            log_probs = self._scorer.token_log_probs(token_ids)
        return {
            "tokens": self._token_texts(token_ids.flat_values),
            "log_probs": log_probs,
            "row_lengths": tf.cast(token_ids.row_lengths(), tf.int32),
        }

    def next_token(self, text, k):
        """Strings `(batch,)` -> the k likeliest `tokens` after each, and their `log_probs`.

        Of several k, the largest counts for all: the others' tokens come first in their rows.
        """
        with self._model.widened():
            tokens, log_probs = self._scorer.next_token(self._token_ids(text), k)
        return {"tokens": self._token_texts(tokens), "log_probs": log_probs}

    def generate(self, prompt, max_new_tokens, temperature, top_k, top_p, seed, stop):
        """As `Generating.generate`."""
        with self._model.widened():
            return self._generating.generate(
                prompt, max_new_tokens, temperature, top_k, top_p, seed, stop
            )

    def embed(self, text):
        """Strings `(batch,)` -> `vector`: the mean of the model's features over the tokens."""
        with self._model.widened():
            return {"vector": self._scorer.embed(self._token_ids(text))}

    def _token_ids(self, text):
        """Returns the texts' tokens, having made sure that they are UTF-8."""
        return self._tokenizer.tokenize(checked_utf8(text, "text"))


def token_texts(tokenizer):
    """Returns a function of token ids of any shape that gives the bytes of each."""
    pieces = [tokenizer.token_bytes(token) for token in range(tokenizer.vocab_size)]
    pieces = np.array(pieces, object)

    # A function of its own, so that the pieces stand in the SavedModel once.
    @tf.function(input_signature=[tf.TensorSpec(None, tf.int32)], autograph=False)
    def texts(token_ids):
        return tf.gather(tf.constant(pieces), token_ids)

    return texts


def with_weights(model, function, specs):
    """Returns a function compiled for `specs` that has the weights of a `TracedModel` ready."""

    @tf.function(input_signature=specs, autograph=False)
    def compiled(*arguments):
        with model.widened():
            return function(*arguments)

    return compiled


def with_defaults(function, defaults):
    """Gives arguments default values, as tensors: only those get into a SavedModel's signature."""

    def call(*arguments):
        return function(*arguments)

    signature = inspect.signature(function)
    parameters = [
        p.replace(default=tf.constant(defaults[p.name])) if p.name in defaults else p
        for p in signature.parameters.values()
    ]
    call.__signature__ = signature.replace(parameters=parameters)
    return call
