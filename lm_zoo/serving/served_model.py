"""An exported model, loaded: its signatures, its functions, its tokenizer and its card."""

import concurrent.futures
import importlib

import numpy as np
import tensorflow as tf
from absl import logging
from google.protobuf import json_format
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2

from lm_zoo import checksums
from lm_zoo.errors import UserError
from lm_zoo.files import os_error_of, plain_path, raise_if_of_system
from lm_zoo.input_files import read_input
from lm_zoo.serving.model_folder import (
    CARD,
    FIELDS,
    find_version,
    read_card,
)
from lm_zoo.serving.signatures import Signature
from lm_zoo.text.special_tokens import TEXT
from lm_zoo.text.tokenizers import TOKENIZERS, load_tokenizer

# The first that a model has is its `serving_default`.
SIGNATURES = ("translate", "score", "token_logprobs", "next_token", "generate", "embed")
UNVERIFIED = (
    "a SavedModel is a program, which does what it likes when it is loaded: export or copy it "
    "again, or load it all the same by --trust_unverified if you know who made it"
)
# What TensorFlow raises for a SavedModel of which something is missing, cut off or altered.
DAMAGE = (
    *(tf.errors.OpError, OSError, ValueError, LookupError, AttributeError, TypeError),
    *(RuntimeError, AssertionError),
)
# Functions that completions are made with.
GENERATING = ("row_keys", "begin", "advance", "join", "take")
MOST_GRAPH_BYTES = 2 << 30  # no protocol buffer is larger


class ServedModel:
    """A SavedModel that `lm-zoo export` wrote.

    Args:
        folder: `NAME` or `NAME/VERSION`; of several versions the highest is taken.
        sha256: What the SHA-256 of its checksums has to be; "" is anything.
        trust: Whether to load it unverified: a SavedModel is a program, and loading it runs it.
        special_tokens: As the attribute; "" means as the signatures read them.

    Attributes:
        name: What clients call it.
        version: A whole number.
        card: The model card, a dictionary.
        tokenizer: The tokenizer, in Python.
        source_tokenizer: That of sources, for a model that reads some; may be the same.
        special_tokens: What those written out in a completion's prompt are: `text` or `control`.
        special_tokens_of_signatures: What they are to the signatures, which read texts themselves.
        max_length: The most tokens that a prompt, and a state, can hold; None for any number.
        signatures: Name -> `Signature`.
        default_signature: The one that is `serving_default`.
        metadata: The SavedModel's own description of its signatures, JSON-ready.
        functions: The restored object, with the functions that are not signatures.

    Raises:
        UserError: If there is no such model, or it is not ours, or it is damaged.
    """

    def __init__(self, folder, sha256="", trust=False, special_tokens=""):
        self.name, self.version, self.path = find_version(folder)
        if not trust:
            checksums.verify(self.path, "model", UNVERIFIED, sha256)
        self.card = read_card(self.path)
        self.max_length = list(self.card["fields"].values())[-1]["max_length"]
        self.special_tokens_of_signatures = self.card.get("special_tokens", TEXT)
        self.special_tokens = special_tokens or self.special_tokens_of_signatures
        definitions = _definitions(self.path)
        if not any(name in definitions for name in SIGNATURES):
            raise UserError(
                f"model: {self.path} has none of the signatures {', '.join(SIGNATURES)}; expected "
                "a SavedModel that `lm-zoo export` wrote."
            )
        self.metadata = {
            name: json_format.MessageToDict(
                definition,
                preserving_proto_field_name=True,
                always_print_fields_with_no_presence=True,
            )
            for name, definition in sorted(definitions.items())
        }
        fields = self.card["fields"]
        self.tokenizers = {
            name: load_tokenizer(self.path / FIELDS / (field["shares"] or name) / "tokenizer")
            for name, field in fields.items()
        }
        self.source_tokenizer = next(iter(self.tokenizers.values()))
        self.tokenizer = list(self.tokenizers.values())[-1]
        self.functions = _load(self.path, _needs(self.path, self.card))
        self.signatures = {
            name: _signature(name, self.functions.signatures[name], definitions[name])
            for name in SIGNATURES
            if name in definitions
        }
        self.default_signature = self.signatures[next(iter(self.signatures))]

    @property
    def generates(self):
        """Whether completions can be made."""
        return all(hasattr(self.functions, name) for name in GENERATING)

    @property
    def reads_source(self):
        """Whether it writes a text after reading another."""
        return "source" in self.card["fields"]

    @property
    def scores_ids(self):
        """Whether a prompt's own tokens can be scored."""
        return hasattr(self.functions, "score_ids")

    def warm_up(self):
        """Calls every function once: TensorFlow prepares it then, which takes seconds."""
        calls = [signature.warm_up for signature in self.signatures.values()]
        calls += [self._warm_up_scoring] if self.scores_ids else []
        calls += [self._warm_up_generating] if self.generates else []
        with concurrent.futures.ThreadPoolExecutor() as threads:
            for done in [threads.submit(call) for call in calls]:
                try:
                    done.result()
                except tf.errors.OpError as error:  # what is altered may be seen only now
                    raise _damaged(self.path, error) from None

    def _warm_up_scoring(self):
        row = (np.zeros((1, 2), np.int32), np.array([2], np.int32))
        self.functions.score_ids(*row, *(row if self.reads_source else ()))

    def _warm_up_generating(self):
        token_ids, one = np.zeros((1, 2), np.int32), np.ones(1, np.int32)
        state = self.functions.begin(token_ids, 2 * one, np.int32(8))
        state = self.functions.take(self.functions.join(state, state), np.zeros(1, np.int32))
        ones, active = np.ones(1, np.float32), np.ones(1, bool)
        settings = (ones, 0 * one, ones, one, np.int32(2), np.int32(1))
        self.functions.advance(state, one, one, active, *settings)


def _needs(path, card):
    """Returns the package that registers the tokenizer's operations, or "": none but those."""
    needs = card.get("saved_model_needs")
    known = sorted({kind.saved_model_needs for kind in TOKENIZERS.values()})
    if needs not in known:
        raise UserError(
            f"model: {path / CARD}: saved_model_needs: expected one of "
            f"{', '.join(map(repr, known))}, received {needs!r:.100}; export the model again."
        )
    return needs


def _definitions(path):
    """Returns the SavedModel's signatures, name -> `SignatureDef`."""
    saved = saved_model_pb2.SavedModel()
    try:
        saved.ParseFromString(read_input(path / "saved_model.pb", MOST_GRAPH_BYTES))
    except (DecodeError, OSError) as error:
        raise _damaged(path, error) from None
    for graph in saved.meta_graphs:
        if "serve" in graph.meta_info_def.tags:
            return {
                name: definition
                for name, definition in graph.signature_def.items()
                if not name.startswith("__")  # what TensorFlow keeps for itself
            }
    return {}


def _load(path, needs):
    verbosity = logging.get_verbosity()
    try:
        # TensorFlow warns of gradients, for which no one asks, and logs with tracebacks.
        logging.set_verbosity(logging.FATAL)
        if needs:
            importlib.import_module(needs)  # registers the tokenizer's ops
        with plain_path(path) as folder:
            return tf.saved_model.load(folder)
    except ImportError as error:
        raise UserError(f"model: {path} needs the package {needs} ({error}); install it.") from None
    except DAMAGE as error:
        raise _damaged(path, error) from None
    finally:
        logging.set_verbosity(verbosity)


def _signature(name, function, definition):
    _, inputs = function.structured_input_signature
    defaults = {
        name: np.asarray(tf.make_ndarray(value)) for name, value in definition.defaults.items()
    }
    return Signature(name, function, dict(inputs), defaults)


def _damaged(path, error):
    raise_if_of_system(error)
    raise_if_of_system(os_error_of(str(error), path))
    reason = " ".join(str(error).split())[:200]
    return UserError(
        f"model: {path} cannot be loaded ({reason}); export the model again, or copy it again."
    )
