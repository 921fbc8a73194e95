"""Byte-level byte-pair encoding (Radford et al. 2019), by the `tokenizers` library."""

import functools
import json
import pathlib
import typing
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from lm_zoo.errors import UserError, unknown_name
from lm_zoo.files.input_files import read_input
from lm_zoo.files.json_files import MAX_LARGE_BYTES, natural, read_json
from lm_zoo.text.cuts import parts
from lm_zoo.text.tokenizers.bpe_splits import SPLITS
from lm_zoo.text.tokenizers.library import CHUNK_CHARACTERS, LibraryTokenizer
from lm_zoo.text.tokenizers.reading import reading
from lm_zoo.text.tokenizers.tokenizer import as_texts
from lm_zoo.text.words import utf8
from lm_zoo.types import Path

if TYPE_CHECKING:
    from lm_zoo.text.tokenizers.tokenizer import Tokenizer

END_OF_TEXT = "<|endoftext|>"
GPT2_FILES = (  # OpenAI's, Hugging Face's and keras-hub's names
    ("encoder.json", "vocab.bpe"),
    ("vocab.json", "merges.txt"),
    ("vocabulary.json", "merges.txt"),
)


class BytePairTokenizer(LibraryTokenizer):
    """GPT-2's tokenizer over any vocabulary and merges that hold all 256 bytes; also Llama 3's.

    Special tokens written out in a text are themselves, as in Hugging Face's tokenizers, unless
    they are to be read as text. Everything else is ordinary text; decoding gives it back exactly.

    Args:
        vocabulary: Token -> id, special ones included. Tokens are in GPT-2's byte alphabet (`Ġ` is
            a space), special ones are written as they are.
        merges: Pairs of tokens, the earliest learned first.
        specials: The special tokens; None means `<|endoftext|>`, where the vocabulary has it.
        eos: The one that ends a text, or None; by default `<|endoftext|>` if that is one of them.
        split: How text is cut before merging: one of `SPLITS`.
        ignore_merges: Whether a piece that is a token is that token, whatever the merges say.
    """

    CONTENT: typing.ClassVar = {
        "tokens": [str],
        "merges": [[str]],
        "specials": [natural],
        "eos": (natural, None),
        "split": str,
        "ignore_merges": bool,
    }
    name = "bpe"
    eos_in_text = False  # a split is one text, without <|endoftext|> in it

    def __init__(
        self,
        vocabulary: Any,
        merges: Any,
        specials: Any = None,
        eos: str | None = END_OF_TEXT,
        split: Any = "gpt2",
        ignore_merges: bool = False,
    ) -> None:
        self.vocabulary = dict(vocabulary)
        self.merges = [tuple(pair) for pair in merges]
        self.vocab_size = len(self.vocabulary)
        if specials is None:
            specials = [END_OF_TEXT] if END_OF_TEXT in self.vocabulary else []
        self.specials = sorted(specials, key=self.vocabulary.get)
        self.eos_id = self.vocabulary[eos] if eos in self.specials else None
        if split not in SPLITS:
            raise unknown_name("tokenizer.split", split, SPLITS)
        self.split_name, self.split = split, SPLITS[split]
        self.ignore_merges = bool(ignore_merges)
        self._check()
        by_id = sorted(self.vocabulary, key=self.vocabulary.get)
        special = set(self.specials)
        self.pieces = [
            utf8(token) if token in special else bytes(byte_of()[c] for c in token)
            for token in by_id
        ]

    @property
    def in_streams(self) -> bool:
        return self.split.in_streams

    @property
    def special_ids(self) -> Any:
        return [self.vocabulary[token] for token in self.specials]

    def _check(self):
        if sorted(self.vocabulary.values()) != list(range(self.vocab_size)):
            raise UserError("tokenizer: expected the vocabulary's ids to run from 0 without gaps.")
        known = byte_of()
        missing = [byte for char, byte in known.items() if char not in self.vocabulary]
        if missing:
            raise UserError(
                f"tokenizer: expected all 256 bytes in the vocabulary, but byte {missing[0]} is "
                "missing; give a byte-level vocabulary like GPT-2's."
            )
        special = set(self.specials)
        for token in special:
            if not token or "\n" in token:
                raise UserError(
                    f"tokenizer: expected special tokens without line breaks, received {token!r}; "
                    "text is split at line breaks."
                )
        for token in self.vocabulary:
            if token not in special and not (token and all(c in known for c in token)):
                raise UserError(
                    f"tokenizer: the vocabulary's token {token!r} is not in GPT-2's byte alphabet; "
                    f"give a byte-level vocabulary like GPT-2's."
                )
        for pair in self.merges:
            if len(pair) != 2 or any(t not in self.vocabulary for t in (*pair, "".join(pair))):
                raise UserError(
                    f"tokenizer: merge {' '.join(pair)!r} has tokens that are not in the "
                    "vocabulary; give the vocabulary and merges of one tokenizer."
                )

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int = 0, min_count: int = 1) -> "Tokenizer":
        """Learns merges with the `tokenizers` library.

        Args:
            texts: Iterable of strings.
            vocab_size: Number of tokens to have, the 256 bytes and `<|endoftext|>` included; fewer
                are learned where the text has no more pairs.
            min_count: Rarer pairs are not merged.
        """
        if vocab_size < 257:
            raise UserError(
                f"tokenizer.vocab_size: expected at least 257 for bpe (256 bytes and "
                f"{END_OF_TEXT}), received {vocab_size}."
            )
        from tokenizers import pre_tokenizers, trainers

        learner = _library_tokenizer({}, [])
        trainer = trainers.BpeTrainer(
            vocab_size=vocab_size,
            min_frequency=max(1, min_count),
            show_progress=False,
            special_tokens=[END_OF_TEXT],
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        )
        learner.train_from_iterator(
            (
                chunk
                for text in as_texts(texts)
                for document in text.split(END_OF_TEXT)
                for chunk in parts(document, CHUNK_CHARACTERS)
            ),
            trainer,
        )
        model = json.loads(learner.to_str())["model"]
        merges = [m.split(" ") if isinstance(m, str) else m for m in model["merges"]]
        return cls(model["vocab"], merges)

    @staticmethod
    def has_gpt2_files(directory: Path) -> bool:
        """Whether `directory` holds GPT-2's two files, under one of their `GPT2_FILES` names."""
        directory = pathlib.Path(directory)
        return any(all((directory / name).is_file() for name in names) for names in GPT2_FILES)

    @classmethod
    def from_gpt2_files(cls, directory: Path) -> "Tokenizer":
        """Reads `encoder.json` and `vocab.bpe`, or another pair of `GPT2_FILES`.

        Raises:
            UserError: If they are missing or damaged.
        """
        directory = pathlib.Path(directory)
        for names in GPT2_FILES:
            vocabulary_file, merges_file = (directory / name for name in names)
            if vocabulary_file.is_file() and merges_file.is_file():
                break
        else:
            raise UserError(
                f"tokenizer.path: expected encoder.json and vocab.bpe (or vocab.json and "
                f"merges.txt) in {directory}, found neither pair."
            )
        with reading(vocabulary_file, "token to id"):
            vocabulary = read_json(vocabulary_file, {str: natural}, MAX_LARGE_BYTES)
        with reading(merges_file):
            lines = read_input(merges_file, MAX_LARGE_BYTES).decode("utf-8").split("\n")
        if lines and lines[0].startswith("#version"):
            del lines[0]
        merges = [line.rstrip("\r").split(" ") for line in lines if line.strip("\r")]
        return cls(vocabulary, merges)

    @classmethod
    def from_content(cls, content: Any) -> "Tokenizer":
        tokens = content["tokens"]
        return cls(
            {t: i for i, t in enumerate(tokens)},
            content["merges"],
            [tokens[i] for i in content["specials"]],
            None if content["eos"] is None else tokens[content["eos"]],
            content["split"],
            content["ignore_merges"],
        )

    def content(self) -> Any:
        by_id = sorted(self.vocabulary, key=self.vocabulary.get)
        return {
            "tokens": by_id,
            "merges": [list(pair) for pair in self.merges],
            "specials": self.special_ids,
            "eos": self.eos_id,
            "split": self.split_name,
            "ignore_merges": self.ignore_merges,
        }

    def library(self) -> Any:
        """Returns a `tokenizers.Tokenizer` that does the same, to encode with or to write."""
        library = _library_tokenizer(
            self.vocabulary, self.merges, self.split_name, self.ignore_merges
        )
        library.add_special_tokens(self.specials)
        return library

    def library_of_text(self) -> Any:
        """The same without special tokens, which no merging of text can then give."""
        special = set(self.specials)
        vocabulary = {t: i for t, i in self.vocabulary.items() if t not in special}
        return _library_tokenizer(vocabulary, self.merges, self.split_name, self.ignore_merges)

    @property
    def safe_cut(self) -> Any:
        return self.split.safe_cut

    def decode_bytes(self, token_ids: Iterable[int]) -> bytes:
        return self._joined(self.pieces, token_ids)


def _library_tokenizer(vocabulary, merges, split="gpt2", ignore_merges=False):
    import tokenizers
    from tokenizers import Regex, models, pre_tokenizers

    model = models.BPE(vocab=vocabulary, merges=merges, ignore_merges=ignore_merges)
    library = tokenizers.Tokenizer(model)
    if split == "gpt2":  # the pattern that ByteLevel has in it
        library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
        return library
    library.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLITS[split].pattern), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    return library


@functools.cache
def byte_of():
    """Returns GPT-2's byte alphabet: the character that stands for a byte -> the byte.

    Bytes that print as one visible Latin-1 character stand for themselves; the others take the
    characters from U+0100 on, in order.
    """
    visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in visible]
    return {chr(b): b for b in visible} | {chr(0x100 + i): b for i, b in enumerate(hidden)}
