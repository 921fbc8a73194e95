"""The base class of tokenizers: what all of them do alike, which is saving and printing."""

import functools
import hashlib
import json
import pathlib
import typing
from collections.abc import Iterable
from typing import Any

import numpy as np

from lm_zoo.errors import UserError
from lm_zoo.files import cannot_write, reason, write_atomically
from lm_zoo.files.json_files import (
    MAX_LARGE_BYTES,
    NotJson,
    check,
    natural,
    read_json,
    sha256,
)
from lm_zoo.registration import of_run
from lm_zoo.text.special_tokens import CONTROL, TEXT
from lm_zoo.text.tokenizers.description import as_table, describe
from lm_zoo.types import Array, Path

FILE_NAME = "lm_zoo_tokenizer.json"  # not tokenizer.json, which is Hugging Face's
FORMAT_VERSION = 2
_SAVED = {  # what `check` makes sure of
    "name": str,
    "fingerprint": sha256,
    "eos_in_text?": bool,
    "bos_id?": (natural, None),
    "content": dict,
}


class Tokenizer:
    """Turns text into token ids and back; saved as one JSON file.

    Subclasses set the attributes, and write `encode`, `decode_bytes` and `train`; `content` and
    `from_content` too where the attributes of `CONTENT` are not the constructor's arguments. What
    does the same inside a SavedModel is a module of its own (`lm_zoo.text.in_graph`).

    Attributes:
        CONTENT: What `content` returns, as `lm_zoo.files.json_files.check` is told it.
        name: The kind, as in `tokenizer.name` of a config.
        vocab_size: Number of token ids; they run from 0 to `vocab_size - 1`.
        unk_id: The id of what is not in the vocabulary, or None where everything can be written.
        eos_id: The id of the end of a text or line, or None where there is none.
        bos_id: The id that stood before each text that a model was trained on elsewhere (Llama's
            `<s>`), or None. It is a property of the model's text, as `eos_in_text` is; texts and
            prompts are read after it.
        in_graph_class: Of a registered tokenizer: its module inside a SavedModel, a class as
            `lm_zoo.text.in_graph` describes them or `module:Class`; "" where there is none.
        saved_model_needs: A package that must be imported before a SavedModel with the tokenizer's
            module is loaded, or "" where TensorFlow is enough.
        in_streams: Whether a stream of text can be read in parts (`lm_zoo.text.cuts`).
        special_ids: The ids of tokens that steer a model, and stand for no text of their own.
    """

    CONTENT: typing.ClassVar = {}
    name = ""
    # Whether training text holds `eos_id`, so that a model knows what may follow it. A class that
    # says no is overruled for a tokenizer whose texts are documents, which `end_id` ends.
    eos_in_text = True
    vocab_size = 0
    unk_id: int | None = None
    eos_id: int | None = None
    bos_id: int | None = None
    in_graph_class = ""
    saved_model_needs = ""
    in_streams = True

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int = 0, min_count: int = 1) -> "Tokenizer":
        """Builds the vocabulary from an iterable of strings."""
        raise NotImplementedError

    @classmethod
    def from_content(cls, content: Any) -> "Tokenizer":
        """Builds the tokenizer from what `content` returned, by default by the constructor."""
        return cls(**content)

    def content(self) -> Any:
        """Returns what defines the tokenizer, as JSON-ready values: the attributes of `CONTENT`."""
        return {name: getattr(self, name) for name in self.CONTENT}

    def encode(self, text: str, special_tokens: str = CONTROL) -> Array:
        """Returns the token ids of `text`, int32 of shape `(num_tokens,)`.

        Args:
            text: A string.
            special_tokens: What a special token that is written out in it is: `control`, the token,
                as corpora have it; or `text`, as what a user types should be.
        """
        raise NotImplementedError

    def __call__(self, texts: Iterable[str]) -> Any:
        """Returns the ids of a string, as `encode`, or those of each string of a list, a list."""
        return self.encode(texts) if isinstance(texts, str) else [self.encode(t) for t in texts]

    def __repr__(self):
        return f"<{self.name} tokenizer, {self.vocab_size:,} tokens>"

    def __str__(self):
        return as_table(self.describe())

    def describe(self) -> str:
        """Returns what there is to know of it, JSON-ready; printed, a tokenizer shows it."""
        return describe(self)

    def encode_batch(self, texts: Iterable[str]) -> Any:
        """Returns several texts' ids, int32 `(total,)`, and their counts, int64 `(texts,)`."""
        rows = [self.encode(text) for text in texts]
        counts = np.array([len(row) for row in rows], np.int64)
        return np.concatenate([np.zeros(0, np.int32), *rows]), counts

    def encode_parts(self, parts: Any, begins: Any) -> Any:
        """Returns the ids of parts of texts, and their counts, as `encode_batch`.

        The parts of one text, cut where `lm_zoo.text.cuts` says, have together the ids that `encode`
        returns for the whole.

        Args:
            parts: Strings.
            begins: For each, whether a text begins with it.
        """
        return self.encode_batch(parts)

    def encode_prompt(self, text: str, special_tokens: str = TEXT) -> Array:
        """Returns the ids that a model reads to go on from `text`, int32 `(num_tokens,)`.

        Special tokens that are written out in it are text, unless asked otherwise. The ids begin
        with `bos_id` where there is one. An empty text stands for the start of one: `start_ids`.
        """
        ids = self.encode(text, special_tokens)
        return np.concatenate([self.start_ids, ids]) if self.starts_prompts or not text else ids

    def token_ends(self, text: str, special_tokens: str = CONTROL) -> Any:
        """Returns how many characters of `text` are read after each of its tokens, as `encode`.

        None where only decoding the tokens can tell. See `lm_zoo.serving.token_ends`.
        """
        return None

    def decode_bytes(self, token_ids: Iterable[int]) -> bytes:
        """Returns the UTF-8 bytes of the tokens; several tokens may share one character's bytes.

        The bytes of the first n tokens are a prefix of the bytes of all of them, so text can be
        streamed by printing what is new.
        """
        raise NotImplementedError

    def decode_part(self, token_ids: Iterable[int]) -> bytes:
        """Returns the bytes of tokens with which no text begins, as `decode_bytes` else."""
        return self.decode_bytes(token_ids)

    def token_bytes(self, token_id: int) -> bytes:
        """Returns the bytes that one token stands for."""
        return self.decode_bytes([token_id])

    @property
    def special_ids(self) -> Any:
        return [i for i in (self.eos_id, self.bos_id) if i is not None]

    def decode(self, token_ids: Iterable[int]) -> str:
        """Returns the text of the tokens; bytes that are not UTF-8 become U+FFFD."""
        return self.decode_bytes(token_ids).decode("utf-8", errors="replace")

    def token_text(self, token_id: int) -> str:
        """Returns one token in a form to print: `\\n` for a newline, `\\xe2` for a stray byte."""
        text = self.token_bytes(token_id).decode("utf-8", errors="backslashreplace")
        return "".join(
            c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
        )

    @property
    def _starts_after_eos(self):
        return self.eos_id is not None and self.eos_in_text

    @functools.cached_property
    def end_id(self):
        """The id that ends each document: `eos_id`, or a newline's; None if neither is one id."""
        if self.eos_id is not None:
            return self.eos_id
        newline = self.encode("\n")
        known = len(newline) == 1 and newline[0] != self.unk_id
        return int(newline[0]) if known else None

    @property
    def start_text(self) -> str:
        """What stands before a text without context, when that is text: a newline, or nothing."""
        if self._starts_after_eos or self.bos_id is not None:
            return ""
        newline = self.encode("\n")
        return "" if self.unk_id is not None and self.unk_id in newline else "\n"

    @property
    def start_ids(self) -> Any:
        """The ids that stand before a text without context: an end or start token, a newline's, or
        none."""
        if self.bos_id is not None:
            return np.array([self.bos_id], np.int32)
        if self._starts_after_eos:
            return np.array([self.eos_id], np.int32)
        return self.encode(self.start_text)

    @property
    def starts_prompts(self) -> bool:
        """Whether `start_ids` stand before every prompt, and not in place of an empty one alone."""
        return self.bos_id is not None

    @functools.cached_property
    def fingerprint(self):
        """SHA-256, in hex, of what defines the tokenizer: the same wherever it is computed."""
        return _fingerprint(self.name, self.content())

    def save(self, directory: Path) -> None:
        """Writes the tokenizer into `directory`, whole or not at all.

        Raises:
            UserError: If the folder cannot be written.
        """
        values = {
            "format_version": FORMAT_VERSION,
            "name": self.name,
            "fingerprint": self.fingerprint,
            "eos_in_text": self.eos_in_text,
            "bos_id": self.bos_id,
            "content": self.content(),
        }
        directory = pathlib.Path(directory)
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(directory, error) from None
        write_atomically(directory / FILE_NAME, json.dumps(values, ensure_ascii=False, indent=0))

    def _joined(self, pieces, token_ids, separator=b""):
        """Returns the pieces of the ids, bytes, with a separator between them."""
        return separator.join(map(pieces.__getitem__, self._checked(token_ids).tolist()))

    def _checked(self, token_ids):
        """Returns the ids as a flat int64 array, having made sure that they exist."""
        token_ids = np.asarray(token_ids, np.int64).reshape(-1)
        outside = (token_ids < 0) | (token_ids >= self.vocab_size)
        if outside.any():
            raise UserError(
                f"token_ids: expected ids from 0 to {self.vocab_size - 1} for this {self.name} "
                f"tokenizer, received {token_ids[outside][0]}."
            )
        return token_ids


def load(directory, classes):
    """Reads a saved tokenizer.

    Args:
        directory: The folder that `save` wrote.
        classes: Name -> class.

    Raises:
        UserError: If it is missing, damaged, altered, or of another version.
    """
    path = pathlib.Path(directory) / FILE_NAME
    try:
        values = read_json(path, {"format_version": natural}, MAX_LARGE_BYTES)
        if values["format_version"] == FORMAT_VERSION:
            check(values, _SAVED)
        version = values["format_version"]
    except FileNotFoundError:
        raise UserError(
            f"tokenizer: expected {FILE_NAME} in {directory}, found none; give the folder of a "
            f"saved tokenizer."
        ) from None
    except OSError as error:
        raise UserError(f"tokenizer: could not read {path}: {reason(error)}.") from None
    except NotJson as error:
        raise _damaged(path, error) from None
    if version != FORMAT_VERSION:
        raise UserError(
            f"tokenizer: {path} has format version {version!r}, expected {FORMAT_VERSION}; use "
            "the lm_zoo version that wrote it, or train it again."
        )
    name, content = values["name"], values["content"]
    if name not in classes:
        listed = ", ".join(sorted(classes))
        raise of_run("tokenizer", f"tokenizer: {path}", name) or UserError(
            f"tokenizer: {path} is of kind {name!r}, expected one of: {listed}; your own must be "
            "registered (--register=FILE, or lm_zoo.register in Python)."
        )
    if values["fingerprint"] != _fingerprint(name, content):
        raise _damaged(path, "its checksum differs")
    try:
        check(content, classes[name].CONTENT, "content")
        tokenizer = classes[name].from_content(content)
        tokenizer.eos_in_text = values.get("eos_in_text", tokenizer.eos_in_text)
        if values.get("bos_id") is not None:
            (tokenizer.bos_id,) = tokenizer._checked(values["bos_id"]).tolist()
        return tokenizer
    except (ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
        problem = str(error).removeprefix("tokenizer: ").rstrip(".")
        raise _damaged(path, problem) from None


def _damaged(path, why):
    return UserError(
        f"tokenizer: {path} is damaged or was altered ({why}); copy it again from its source, or "
        "train it again."
    )


def _fingerprint(name, content):
    canonical = json.dumps([name, content], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


def as_texts(texts):
    """Lets a single string stand for a list of one, which a caller easily means."""
    return [texts] if isinstance(texts, str) else texts
