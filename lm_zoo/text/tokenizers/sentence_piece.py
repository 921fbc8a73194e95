"""SentencePiece (Kudo and Richardson 2018), unigram and BPE, by the `sentencepiece` library."""

import base64
import binascii
import itertools
import pathlib
import re
import typing
from collections.abc import Iterable
from typing import Any

import numpy as np

from lm_zoo.errors import UserError
from lm_zoo.files.input_files import read_input
from lm_zoo.files.json_files import MAX_LARGE_BYTES
from lm_zoo.text.special_tokens import CONTROL
from lm_zoo.text.tokenizers.library import BATCH_CHARACTERS
from lm_zoo.text.tokenizers.reading import reading
from lm_zoo.text.tokenizers.tokenizer import Tokenizer, as_texts
from lm_zoo.text.words import utf8
from lm_zoo.types import Array, Path

SPACE = "\u2581"  # how SentencePiece writes a space
KINDS = {1: "sentencepiece_unigram", 2: "sentencepiece_bpe"}  # by the model's own number
# A line with the newlines before it, and of a very long one the parts, cut before spaces. Each is
# encoded by itself: the library adds scores in float32, which for long texts chooses by rounding.
LONG = 1000  # characters
STRETCH = re.compile("\n*(?:[^\n]{%d,}?[^\n ](?= )|[^\n]+)|\n+" % LONG)


class SentencePieceTokenizer(Tokenizer):
    """What `sentencepiece_unigram` and `sentencepiece_bpe` share.

    Models that are trained here give any text back, but for U+2581, which SentencePiece reads as a
    space: no normalization, no space added or taken away, a newline is one token, and a character
    without a piece is written in bytes. `</s>` is `eos_id`; written out in a text it is ordinary
    text.

    Loaded models keep the rules that are in them. Where two segmentations have the same score to
    the last bit (runs of one character, mostly), a loaded unigram model may choose another one in
    the graph than outside it.

    Args:
        model: The content of a SentencePiece `.model` file.
    """

    CONTENT: typing.ClassVar = {"model": str}
    eos_in_text = False  # </s> is not in the text of a stream
    saved_model_needs = "tensorflow_text"

    def __init__(self, model: Any) -> None:
        self.model = bytes(model)
        proto = self._read(self.model)
        normalizer, self.vocab_size = proto.normalizer_spec, len(proto.pieces)
        pieces = [self._written(piece, proto.trainer_spec) for piece in proto.pieces]
        self.pieces, self._names = pieces, [piece.piece for piece in proto.pieces]
        self._processor = self._processor_of(self.model)
        self.eos_id = None if self._processor.eos_id() < 0 else self._processor.eos_id()
        num_bytes = sum(piece.type == piece.BYTE for piece in proto.pieces)
        self.unk_id = None if num_bytes == 256 else self._processor.unk_id()

        # Whether a text begins with a space that is not its own; decoding takes it away again.
        prefix, extra = normalizer.add_dummy_prefix, normalizer.remove_extra_whitespaces
        self.leading_space = b"^ " if prefix or extra else None
        # A part of a text begins with no such space, but where it begins with a space of its own,
        # perhaps made of a newline, that the library takes away as an extra one, one is put back.
        self._newline_is_space = "\n" not in self._processor.normalize("a\nb")
        self._takes_spaces = extra
        normalizer.add_dummy_prefix = not prefix
        other_model = proto.SerializeToString(deterministic=True)
        other = self._processor_of(other_model)
        self._bare, self._spaced = (other, self._processor) if prefix else (self._processor, other)
        # If extra spaces are taken from around newlines that stay, lines are not to be told apart.
        self.in_stretches = self._newline_is_space or not extra
        spaced = extra and self._newline_is_space
        self.model_of_parts = self.model if prefix == spaced else other_model

    def _read(self, model):
        proto = _parsed(model)
        kind = KINDS.get(proto.trainer_spec.model_type)
        if kind != self.name:
            found = f"a {kind} one" if kind else "another kind"
            hint = f"set tokenizer.name to {kind!r} or " if kind else ""
            raise UserError(
                f"tokenizer: expected a {self.name} model, found {found}; {hint}give another file."
            )
        if proto.trainer_spec.treat_whitespace_as_suffix:
            raise UserError(
                "tokenizer: this SentencePiece model attaches spaces to the end of words, which "
                "lm_zoo does not support; give one that attaches them to the start."
            )
        return proto

    @staticmethod
    def _processor_of(model):
        import sentencepiece

        try:
            return sentencepiece.SentencePieceProcessor(model_proto=model)
        except (RuntimeError, ValueError, OSError):
            raise _not_a_model() from None

    @staticmethod
    def _written(piece, trainer):
        """Returns the bytes that a piece stands for."""
        if piece.type == piece.CONTROL:
            return b""
        if piece.type == piece.UNKNOWN:
            return utf8(trainer.unk_surface)
        if piece.type == piece.BYTE:
            return bytes([int(piece.piece[3:5], 16)])  # <0x0A>
        return utf8(piece.piece.replace(SPACE, " "))

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int = 0, min_count: int = 1) -> "Tokenizer":
        """Learns pieces with the `sentencepiece` library; the sentences are the text's lines.

        Args:
            texts: Iterable of strings. They are all held in memory.
            vocab_size: Number of pieces to have, `<unk>`, `</s>`, the newline and the 256 bytes
                included; fewer are learned where the text has no more.
            min_count: Not used: SentencePiece has no such limit.
        """
        from lm_zoo.text.tokenizers.sentence_piece_training import train_model

        return cls(train_model(cls.name, as_texts(texts), vocab_size))

    @classmethod
    def from_model_file(cls, path: Path) -> "Tokenizer":
        """Reads a `.model` file.

        Args:
            path: The file, or a folder with one such file.

        Raises:
            UserError: If it is missing, damaged, or a model of another kind.
        """
        path = pathlib.Path(path)
        if path.is_dir():
            found = sorted(path.glob("*.model"))
            if len(found) != 1:
                listed = f"found {', '.join(f.name for f in found)}" if found else "found none"
                raise UserError(f"tokenizer.path: expected one .model file in {path}, {listed}.")
            path = found[0]
        with reading(path):
            return cls(read_input(path, MAX_LARGE_BYTES))

    @classmethod
    def from_content(cls, content: Any) -> "Tokenizer":
        try:
            return cls(base64.b64decode(content["model"], validate=True))
        except binascii.Error:
            raise _not_a_model() from None

    def content(self) -> Any:
        return {"model": base64.b64encode(self.model).decode("ascii")}

    def encode(self, text: str, special_tokens: str = CONTROL) -> Array:
        return self.encode_batch([text])[0]

    def encode_batch(self, texts: Iterable[str]) -> Any:
        return self.encode_parts(texts, itertools.repeat(True))

    def token_ends(self, text: str, special_tokens: str = CONTROL) -> Any:
        starts = (
            np.frombuffer(utf8(text), np.uint8) & 0xC0 != 0x80
        )  # the bytes that begin characters
        num_characters = np.concatenate([[0], np.cumsum(starts)])
        ends, begin, first = [], 0, True
        for stretch in STRETCH.findall(text) if self.in_stretches else [text]:
            processor = self._processor if first else self._of_part(stretch)
            found = processor.encode(stretch, return_type="proto").pieces
            ends += [num_characters[begin + piece.end] for piece in found]
            begin, first = begin + len(utf8(stretch)), False
        return ends

    def encode_parts(self, parts: Any, begins: Any) -> Any:
        """Encodes texts, or parts of them, stretch by stretch."""
        rows, counts, lines, owners, waiting = [], [], [], [], 0

        def work():
            for row, owner in zip(self._encode_lines(lines), owners):
                rows.append(row)
                counts[owner] += len(row)
            lines.clear()
            owners.clear()

        for owner, (text, first) in enumerate(zip(parts, begins)):
            utf8(text)  # says where a lone surrogate is
            counts.append(0)
            for stretch in STRETCH.findall(text) if self.in_stretches else [text]:
                lines.append((stretch, first))
                owners.append(owner)
                first = False
                waiting += len(stretch)
                if waiting >= BATCH_CHARACTERS:
                    work()
                    waiting = 0
        work()
        ids = np.fromiter(itertools.chain.from_iterable(rows), np.int32, sum(counts))
        return ids, np.array(counts, np.int64)

    def _encode_lines(self, lines):
        """Returns the ids of each (line, whether its text begins with it)."""
        processors = [self._processor if first else self._of_part(line) for line, first in lines]
        rows = {}
        for processor in {id(p): p for p in processors}.values():
            its = [line for (line, _), p in zip(lines, processors) if p is processor]
            rows[id(processor)] = iter(processor.encode(its, num_threads=1))
        return [next(rows[id(processor)]) for processor in processors]

    def _of_part(self, text):
        """Returns the processor for a part of a text that is not its first."""
        spaced = self._takes_spaces and (self._newline_is_space or text.startswith(" "))
        return self._spaced if spaced else self._bare

    def decode_bytes(self, token_ids: Iterable[int]) -> bytes:
        joined = self.decode_part(token_ids)
        return re.sub(self.leading_space, b"", joined) if self.leading_space else joined

    def decode_part(self, token_ids: Iterable[int]) -> bytes:
        return self._joined(self.pieces, token_ids)

    def token_bytes(self, token_id: int) -> bytes:
        return self.pieces[self._checked(token_id)[0]]

    def token_text(self, token_id: int) -> str:
        return super().token_text(token_id) or self._names[token_id]


class SentencePieceUnigramTokenizer(SentencePieceTokenizer):
    """SentencePiece's unigram model (Kudo 2018): the most probable pieces; also reads `.model`."""

    name = "sentencepiece_unigram"


class SentencePieceBPETokenizer(SentencePieceTokenizer):
    """SentencePiece's byte-pair encoding, of characters (not bytes as `bpe`); reads `.model`."""

    name = "sentencepiece_bpe"


def kind_of_model(path):
    """Returns the kind of tokenizer that a `.model` file is of.

    Raises:
        UserError: If it cannot be read, or is no model or one of another kind.
    """
    with reading(path):
        number = _parsed(read_input(path, MAX_LARGE_BYTES)).trainer_spec.model_type
    if number not in KINDS:
        raise UserError(f"tokenizer.path: {path} is neither a unigram nor a BPE model.")
    return KINDS[number]


def _parsed(model):
    from google.protobuf.message import DecodeError
    from sentencepiece import sentencepiece_model_pb2

    proto = sentencepiece_model_pb2.ModelProto()
    try:
        proto.ParseFromString(model)
    except DecodeError:
        raise _not_a_model() from None
    if not proto.pieces or not proto.HasField("trainer_spec"):
        raise _not_a_model()
    return proto


def _not_a_model():
    return UserError(
        "tokenizer: expected a SentencePiece model, found another file or a damaged one; copy it "
        "again, or give another file."
    )
