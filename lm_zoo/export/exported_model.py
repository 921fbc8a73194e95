"""The object that becomes a SavedModel: weights, tokenizer, and functions of strings."""

import inspect

import tensorflow as tf

from lm_zoo.errors import UserError, unknown_name
from lm_zoo.export.generating import Generating
from lm_zoo.export.scoring import Scorer
from lm_zoo.export.string_functions import StringFunctions
from lm_zoo.export.traced_model import TracedModel

SIGNATURES = ("score", "token_logprobs", "next_token", "generate", "embed")
# Functions that are no signatures: what servers and converters to other forms build on.
WITH_SCORE = ("score_ids",)
WITH_GENERATE = ("encode_prompts", "detokenize", "begin", "advance", "join", "take")


class ExportedModel(tf.Module):
    """A language model whose functions take and give strings, with no other Python behind them.

    Its attributes are the functions of the signatures chosen, `score_ids` with `score`, and those
    of `WITH_GENERATE` with `generate`.

    Args:
        model: A built `LanguageModel`. Its weights are not used; those given are.
        tokenizer: Its tokenizer.
        weights: `StoredWeights`.
        max_length: Most tokens of a prompt, for a model whose `context_length` is None; else that
            is the number. None is any number.
        signatures: Which of `SIGNATURES`.

    Attributes:
        weights: The `StoredWeights`.
        tokenizer: The tokenizer's module.
    """

    def __init__(self, model, tokenizer, weights, max_length=None, signatures=SIGNATURES):
        super().__init__(name="language_model")
        self.weights = weights
        self.tokenizer = tokenizer.in_graph()
        traced = TracedModel(model, weights)
        start = tokenizer.start_ids, tokenizer.starts_prompts
        scorer = Scorer(traced, *start)
        generating = Generating(traced, self.tokenizer, tokenizer.eos_id, *start, max_length)
        functions = StringFunctions(traced, tokenizer, self.tokenizer, scorer, generating)
        self._signatures = checked_signatures(signatures)
        names = list(self._signatures)
        names += WITH_SCORE if "score" in names else ()
        names += WITH_GENERATE if "generate" in names else ()
        for name in names:
            setattr(self, name, functions.compiled(name))

    def save(self, folder):
        """Writes the SavedModel; `serving_default` is the first of the signatures."""
        signatures = {name: _calling(getattr(self, name)) for name in self._signatures}
        signatures["serving_default"] = signatures[self._signatures[0]]
        options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
        tf.saved_model.save(self, str(folder), signatures, options)


def _calling(function):
    """Returns a function that calls another one: TensorFlow traces anew what it is given."""

    def call(*arguments):
        return function(*arguments)

    call.__signature__ = inspect.signature(function.python_function)  # the defaults too
    return tf.function(call, input_signature=function.input_signature, autograph=False)


def checked_signatures(signatures):
    """Returns the names in the order of `SIGNATURES`.

    Raises:
        UserError: If one is unknown, or there is none.
    """
    signatures = list(signatures)
    for name in signatures:
        if name not in SIGNATURES:
            raise unknown_name("signatures", name, SIGNATURES)
    if not signatures:
        listed = ", ".join(SIGNATURES)
        raise UserError(f"signatures: expected at least one of {listed}, received none.")
    return tuple(name for name in SIGNATURES if name in signatures)
