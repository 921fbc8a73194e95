"""An exported model, loaded: its signatures, its functions, its tokenizers and its card."""

import concurrent.futures
import functools
import importlib

import tensorflow as tf
from absl import logging
from google.protobuf import json_format
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2

from lm_zoo.errors import UserError
from lm_zoo.files import checksums, os_error_of, plain_path, raise_if_of_system
from lm_zoo.files.input_files import read_input
from lm_zoo.serving.inference.engine import warm_up as warm_up_engine
from lm_zoo.serving.model_folder import find_version
from lm_zoo.serving.openai.prompt_scores import SCORE_IDS
from lm_zoo.serving.openai.prompt_scores import warm_up as warm_up_scores
from lm_zoo.serving.served_card import read_card, signatures_of
from lm_zoo.serving.text_lengths import TextField
from lm_zoo.text.special_tokens import TEXT
from lm_zoo.text.tokenizers import load_tokenizer

UNVERIFIED = (
    "a SavedModel is a program and can run any code when loaded: export or copy it again, or "
    "load it with --trust_unverified if you trust its author"
)
# What TensorFlow raises for a SavedModel of which something is missing, cut off or altered.
DAMAGE = (
    *(tf.errors.OpError, OSError, ValueError, LookupError, AttributeError, TypeError),
    *(RuntimeError, AssertionError),
)
MAX_GRAPH_BYTES = 2 << 30  # no protocol buffer is larger


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
        task: The name of the task that it was trained for.
        fields: Name -> `TextField`, of the task's records.
        special_tokens: What those written out in a completion's prompt are: `text` or `control`.
        special_tokens_of_signatures: What they are to the signatures, which read texts themselves.
        signatures: Name -> `Signature`, in the order of the card; the first is `serving_default`.
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
        self.task = self.card["task"]
        self.special_tokens_of_signatures = self.card.get("special_tokens", TEXT)
        self.special_tokens = special_tokens or self.special_tokens_of_signatures
        definitions = _definitions(self.path)
        if not any(name in definitions for name in self.card["predictions"]):
            raise UserError(
                f"model: {self.path} has none of the signatures "
                f"{', '.join(self.card['predictions'])}; expected a SavedModel that `lm-zoo "
                "export` wrote."
            )
        self.metadata = {
            name: json_format.MessageToDict(
                definition,
                preserving_proto_field_name=True,
                always_print_fields_with_no_presence=True,
            )
            for name, definition in sorted(definitions.items())
        }
        self.fields = _fields(self.path, self.card)
        self.functions = _load(self.path, self.card["saved_model_needs"])
        self.signatures = signatures_of(self.card, self.path, self.functions)

    @property
    def default_signature(self):
        """The `Signature` that is `serving_default`."""
        return next(iter(self.signatures.values()))

    @property
    def generation(self):
        """The `Signature` that the engine answers, or None."""
        engines = (s for s in self.signatures.values() if s.prediction.batching == "engine")
        return next(engines, None)

    @property
    def scores_ids(self):
        """Whether a prompt's own tokens can be scored."""
        return hasattr(self.functions, SCORE_IDS)

    def warm_up(self):
        """Calls every function once: TensorFlow prepares it then, which takes seconds."""
        calls = [signature.warm_up for signature in self.signatures.values()]
        if self.generation:
            calls += [functools.partial(warm_up_engine, self.functions)]
            calls += [functools.partial(warm_up_scores, self.functions)] if self.scores_ids else []
        with concurrent.futures.ThreadPoolExecutor() as threads:
            for done in [threads.submit(call) for call in calls]:
                try:
                    done.result()
                except tf.errors.OpError as error:  # what is altered may be seen only now
                    raise _damaged(self.path, error) from None


def _fields(path, card):
    """Returns name -> `TextField` of the fields that predictions read; some share a tokenizer."""
    inputs = [each for values in card["predictions"].values() for each in values["inputs"]]
    fields = {each["field"]: card["fields"].get(each["field"]) for each in inputs if each["field"]}
    owners = {name: field["shares"] or name for name, field in fields.items()}
    loaded = {
        name: load_tokenizer(path / "fields" / name / "tokenizer") for name in set(owners.values())
    }
    return {
        name: TextField(loaded[owners[name]], field["max_length"]) for name, field in fields.items()
    }


def _definitions(path):
    """Returns the SavedModel's signatures, name -> `SignatureDef`."""
    saved = saved_model_pb2.SavedModel()
    try:
        saved.ParseFromString(read_input(path / "saved_model.pb", MAX_GRAPH_BYTES))
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


def _damaged(path, error):
    raise_if_of_system(error)
    raise_if_of_system(os_error_of(str(error), path))
    reason = " ".join(str(error).split())[:200]
    return UserError(
        f"model: {path} cannot be loaded ({reason}); copy it again, or export the model again."
    )
