"""The object that becomes a SavedModel: weights, tokenizers, and functions of strings."""

import inspect
import pathlib

import tensorflow as tf

from lm_zoo.errors import UserError, unknown_name
from lm_zoo.export.generating import Generating
from lm_zoo.export.pair_functions import PairFunctions
from lm_zoo.export.pair_scoring import PairScorer
from lm_zoo.export.scoring import Scorer
from lm_zoo.export.string_functions import StringFunctions
from lm_zoo.export.traced_model import TracedModel
from lm_zoo.export.traced_pair_model import TracedPairModel
from lm_zoo.export.translating import Translating
from lm_zoo.files import plain_path
from lm_zoo.generation.options import TEXT
from lm_zoo.text.in_graph import module_of

SIGNATURES = ("score", "token_logprobs", "next_token", "generate", "embed")
PAIR_SIGNATURES = ("translate", "score", "token_logprobs", "embed")  # of a model of pairs
# Signature -> functions beside it that are no signatures: what servers, converters to other forms
# and the verification of the export build on.
BESIDE = {
    "score": ("score_ids",),
    "generate": ("encode_prompts", "detokenize", "row_keys", "begin", "advance", "join", "take"),
    "translate": ("beams",),
}


class ExportedModel(tf.Module):
    """A language model whose functions take and give strings, with no other Python behind them.

    Its attributes are the functions of the signatures chosen, and those of `BESIDE` with them.

    Args:
        model: A built `LanguageModel`. Its weights are not used; those given are.
        tokenizer: Its tokenizer.
        weights: `StoredWeights`.
        max_length: Most tokens of a prompt, for a model whose `context_length` is None; else that
            is the number. None is any number. For a model that reads a source: of a target; the
            model's `source_length` is that of a source.
        signatures: Which of the model's signatures; None is all.
        source_tokenizer: The tokenizer of the sources, for a model that reads some.
        special_tokens: What a special token that is written out in a text is: `text` or `control`.

    Attributes:
        weights: The `StoredWeights`.
        tokenizer: The tokenizer's module.
        source_tokenizer: That of sources; not there where both sides have one.
    """

    def __init__(
        self,
        model,
        tokenizer,
        weights,
        max_length=None,
        signatures=None,
        source_tokenizer=None,
        special_tokens=TEXT,
    ):
        super().__init__(name="language_model")
        self.weights = weights
        self.special_tokens = special_tokens
        self.tokenizer = module_of(tokenizer, special_tokens)
        if model.reads_source:
            source_tokenizer = source_tokenizer or tokenizer
            source_module = self.tokenizer
            if source_tokenizer is not tokenizer:
                self.source_tokenizer = source_module = module_of(source_tokenizer, special_tokens)
            tokenizers = (source_tokenizer, tokenizer)
            modules = (source_module, self.tokenizer)
            functions = _pair_functions(model, weights, tokenizers, modules, max_length)
        else:
            functions = _string_functions(model, weights, tokenizer, self.tokenizer, max_length)
        self._signatures = checked_signatures(model, signatures)
        for name in self._signatures:
            for function in (name, *BESIDE.get(name, ())):
                setattr(self, function, functions.compiled(function))

    def save(self, folder):
        """Writes the SavedModel; `serving_default` is the first of the signatures."""
        signatures = {name: _calling(getattr(self, name)) for name in self._signatures}
        signatures["serving_default"] = signatures[self._signatures[0]]
        options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
        pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
        with plain_path(folder) as path:
            tf.saved_model.save(self, path, signatures, options)


def _string_functions(model, weights, tokenizer, module, max_length):
    traced = TracedModel(model, weights)
    start = tokenizer.start_ids, tokenizer.starts_prompts
    scorer = Scorer(traced, *start)
    generating = Generating(traced, module, tokenizer.eos_id, *start, max_length)
    return StringFunctions(traced, tokenizer, module, scorer, generating)


def _pair_functions(model, weights, tokenizers, modules, max_length):
    traced = TracedPairModel(model, weights)
    source_tokenizer, tokenizer = tokenizers
    scorer = PairScorer(traced, tokenizer.end_id)
    translating = Translating(traced, tokenizer.end_id, max_length)
    return PairFunctions(
        traced,
        tokenizer,
        modules,
        source_tokenizer.end_id,
        scorer,
        translating,
        model.source_length,
        max_length,
    )


def _calling(function):
    """Returns a function that calls another one: TensorFlow traces anew what it is given."""

    def call(*arguments):
        return function(*arguments)

    call.__signature__ = inspect.signature(function.python_function)  # the defaults too
    return tf.function(call, input_signature=function.input_signature, autograph=False)


def checked_signatures(model, signatures=None):
    """Returns the names, or for None all that the model has, in their order.

    Raises:
        UserError: If the model has no such signature, or none is given.
    """
    known = PAIR_SIGNATURES if model.reads_source else SIGNATURES
    signatures, listed = known if signatures is None else list(signatures), ", ".join(known)
    for name in signatures:
        if name not in known and name in (*SIGNATURES, *PAIR_SIGNATURES):
            kind = "a source" if model.reads_source else "no source"
            raise UserError(
                f"signatures: {type(model).__name__} reads {kind} and has no {name!r}; expected "
                f"some of: {listed}."
            )
        if name not in known:
            raise unknown_name("signatures", name, known)
    if not signatures:
        raise UserError(f"signatures: expected at least one of {listed}, received none.")
    return tuple(name for name in known if name in signatures)
