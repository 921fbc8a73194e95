"""WordPiece, BERT's (Devlin et al. 2019), by the `tokenizers` library."""

import collections
import functools
import pathlib
import typing
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from lm_zoo.errors import UserError
from lm_zoo.files.input_files import read_input
from lm_zoo.files.json_files import MAX_LARGE_BYTES, read_json
from lm_zoo.text.cuts import parts
from lm_zoo.text.special_tokens import CONTROL
from lm_zoo.text.tokenizers.library import CHUNK_CHARACTERS, LibraryTokenizer
from lm_zoo.text.tokenizers.reading import reading
from lm_zoo.text.tokenizers.tokenizer import as_texts
from lm_zoo.text.words import utf8
from lm_zoo.types import Path

if TYPE_CHECKING:
    from lm_zoo.text.tokenizers.tokenizer import Tokenizer

PAD, UNK, CLS, SEP, MASK = SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
CONTINUES = "##"
MAX_WORD_CHARACTERS = 100  # characters; longer words are [UNK], as in BERT
VOCABULARY_FILE, SETTINGS_FILE = "vocab.txt", "tokenizer_config.json"
_SETTINGS = ("do_lower_case?", "strip_accents?", "tokenize_chinese_chars?")
# What stands in the Unicode blocks that BERT takes for Chinese: each of these is a word.
CHINESE = (
    *((0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F)),
    *((0x2B740, 0x2B81F), (0x2B820, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F)),
)


class WordPieceTokenizer(LibraryTokenizer):
    """BERT's tokenizer: longest pieces of a vocabulary, `##` before those inside a word.

    It loses something, as BERT's does: white space (newlines too) only parts words, control
    characters are dropped, a word that cannot be put together from pieces is `[UNK]`, and where
    `lowercase` is on, upper case and accents are gone. Decoding puts a space between words, but
    none between two Chinese characters, each of which is a word. A special token (`[SEP]`) written
    out in a text is that token, as in Hugging Face's. `[SEP]` is `eos_id`.

    Args:
        pieces: The vocabulary in the order of its ids, `[UNK]` among it.
        lowercase: Whether text is put in lower case.
        strip_accents: Whether accents are taken off.
        part_chinese: Whether each Chinese character is a word.
    """

    CONTENT: typing.ClassVar = {
        "pieces": [str],
        **dict.fromkeys(("lowercase", "strip_accents", "part_chinese"), bool),
    }
    name = "wordpiece"
    eos_in_text = False  # [SEP] is not in the text of a stream

    def __init__(
        self,
        pieces: Any,
        lowercase: bool = True,
        strip_accents: bool = True,
        part_chinese: bool = True,
    ) -> None:
        self.pieces = list(pieces)
        self.lowercase, self.strip_accents = bool(lowercase), bool(strip_accents)
        self.part_chinese = bool(part_chinese)
        self.vocab_size = len(self.pieces)
        self.vocabulary = {piece: i for i, piece in enumerate(self.pieces)}
        if UNK not in self.vocabulary:
            raise UserError(
                f"tokenizer: expected {UNK} in the vocabulary, found none; give BERT's vocab.txt "
                f"or one like it."
            )
        if len(self.vocabulary) != self.vocab_size:
            twice = next(p for i, p in enumerate(self.pieces) if self.vocabulary[p] != i)
            raise UserError(
                f"tokenizer: the vocabulary has {twice!r} twice; each id needs a token of its own."
            )
        for piece in self.pieces:
            utf8(piece)
        self.unk_id = self.vocabulary[UNK]
        self.eos_id = self.vocabulary.get(SEP)

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int = 0, min_count: int = 1) -> "Tokenizer":
        """Learns pieces with the `tokenizers` library, from text in its own case and accents.

        Args:
            texts: Iterable of strings.
            vocab_size: Number of pieces to have, the five special ones included; fewer are learned
                where the text has no more. All single characters of the text are pieces, as far as
                they fit, the most frequent first.
            min_count: Rarer pairs are not merged.
        """
        if vocab_size < len(SPECIALS) + 2:
            raise UserError(
                f"tokenizer.vocab_size: expected at least {len(SPECIALS) + 2} for wordpiece (five "
                f"special pieces and two others), received {vocab_size}."
            )
        from tokenizers import trainers

        learner = library_tokenizer({UNK: 0}, lowercase=False, strip_accents=False)
        words = _count_words(learner, as_texts(texts))
        if not words:
            raise UserError("tokenizer: there are no words to learn from; give text to train on.")
        # Left to itself, the trainer numbers characters, and leaves out rare ones, in the order of
        # a hash table, which is another one each time: they are all given.
        first, inside = _alphabet(words, vocab_size - len(SPECIALS))
        trainer = trainers.WordPieceTrainer(
            vocab_size=vocab_size,
            min_frequency=max(1, min_count),
            limit_alphabet=len(first),
            initial_alphabet=first,
            show_progress=False,
            special_tokens=[*SPECIALS, *(CONTINUES + character for character in inside)],
            continuing_subword_prefix=CONTINUES,
        )
        learner.train_from_iterator(_repeated(words), trainer)
        vocabulary = learner.get_vocab()
        return cls(sorted(vocabulary, key=vocabulary.get), lowercase=False, strip_accents=False)

    @classmethod
    def from_vocab_file(cls, path: Path) -> "Tokenizer":
        """Reads BERT's `vocab.txt`: a piece a line.

        Whether text is put in lower case is read from a `tokenizer_config.json` beside it
        (`do_lower_case`, `strip_accents`, `tokenize_chinese_chars`). Without one, it is where no
        piece holds an upper-case letter: such a piece could never be met.

        Args:
            path: The file, or the folder with it.

        Raises:
            UserError: If a file is missing or damaged.
        """
        path = pathlib.Path(path)
        path = path / VOCABULARY_FILE if path.is_dir() else path
        with reading(path):
            text = read_input(path, MAX_LARGE_BYTES).decode("utf-8")
        pieces = [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]
        settings = _read_settings(path.with_name(SETTINGS_FILE))
        cased = any(piece != piece.lower() for piece in pieces if piece not in SPECIALS)
        lowercase = settings.get("do_lower_case")
        lowercase = not cased if lowercase is None else lowercase
        accents = settings.get("strip_accents")
        return cls(
            pieces,
            lowercase,
            strip_accents=lowercase if accents is None else accents,
            part_chinese=settings.get("tokenize_chinese_chars", True),
        )

    @property
    def specials(self) -> Any:
        """The special pieces that the vocabulary has; written out in a text they are themselves."""
        return [piece for piece in SPECIALS if piece in self.vocabulary]

    def library(self) -> Any:
        """Returns the `tokenizers.Tokenizer` that does the work."""
        library = self.library_of_text()
        library.add_special_tokens(self.specials)
        return library

    def library_of_text(self) -> Any:
        return library_tokenizer(
            self.vocabulary, self.lowercase, self.strip_accents, self.part_chinese
        )

    def token_ends(self, text: str, special_tokens: str = CONTROL) -> Any:
        library, ends, begin = self._library_for(special_tokens), [], 0
        for chunk in parts(text, CHUNK_CHARACTERS):
            encoded = library.encode(chunk, add_special_tokens=False)
            ends += [begin + end for _, end in encoded.offsets]
            begin += len(chunk)
        return ends

    @functools.cached_property
    def written(self):
        """How each piece is written: its bytes, and whether a space may go before and after it.

        Returns:
            Three lists, by id: bytes; 0 where the piece continues a word, 2 where it begins with a
            Chinese character, else 1; and 2 where it ends with one, else 1.
        """
        texts = [p[len(CONTINUES) :] if _continues(p) else p for p in self.pieces]
        before = [
            0 if _continues(p) else 1 + is_chinese(text[:1]) for p, text in zip(self.pieces, texts)
        ]
        return [utf8(text) for text in texts], before, [1 + is_chinese(t[-1:]) for t in texts]

    def decode_bytes(self, token_ids: Iterable[int]) -> bytes:
        return self._spaced(token_ids, last=0)  # no space before the first

    def decode_part(self, token_ids: Iterable[int]) -> bytes:
        return self._spaced(token_ids, last=1)

    def _spaced(self, token_ids, last):
        pieces, before, after = self.written
        ids, parts_of_text = self._checked(token_ids).tolist(), []
        for i in ids:
            if last * before[i] in (1, 2):
                parts_of_text.append(b" ")
            parts_of_text.append(pieces[i])
            last = after[i]
        return b"".join(parts_of_text)

    def token_text(self, token_id: int) -> str:
        text = super().token_text(token_id)
        return CONTINUES + text if _continues(self.pieces[token_id]) else text or "''"

    @property
    def special_ids(self) -> Any:
        return [self.vocabulary[piece] for piece in self.specials]


def is_chinese(character):
    """Whether BERT takes a character for Chinese; false for an empty string."""
    return any(first <= ord(character) <= last for first, last in CHINESE) if character else False


def _continues(piece):
    return piece.startswith(CONTINUES) and piece != CONTINUES


def library_tokenizer(vocabulary, lowercase, strip_accents, part_chinese=True):
    import tokenizers
    from tokenizers import models, normalizers, pre_tokenizers

    library = tokenizers.Tokenizer(
        models.WordPiece(
            vocab=vocabulary,
            unk_token=UNK,
            continuing_subword_prefix=CONTINUES,
            max_input_chars_per_word=MAX_WORD_CHARACTERS,
        )
    )
    library.normalizer = normalizers.BertNormalizer(
        clean_text=True,
        handle_chinese_chars=part_chinese,
        strip_accents=strip_accents,
        lowercase=lowercase,
    )
    library.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return library


def _count_words(library, texts):
    counts = collections.Counter()
    for text in texts:
        utf8(text)  # the library would panic on a lone surrogate
        for chunk in parts(text, CHUNK_CHARACTERS):
            normalized = library.normalizer.normalize_str(chunk)
            words = library.pre_tokenizer.pre_tokenize_str(normalized)
            counts.update(word for word, _ in words)
    return counts


def _alphabet(words, size):
    """Returns the most frequent characters, and those of them that stand inside words.

    Both need a piece, of which there are `size`.
    """
    counts, inside = collections.Counter(), set()
    for word, count in words.items():
        for character in word:
            counts[character] += count
        inside.update(word[1:])
    kept = set()
    for character in sorted(counts, key=lambda character: (-counts[character], character)):
        size -= 1 + (character in inside)
        if size < 0:
            break
        kept.add(character)
    return sorted(kept), sorted(inside & kept)


def _repeated(words):
    """Yields texts in which each word comes as often as it was counted."""
    for word, count in sorted(words.items()):
        for done in range(0, count, 10_000):
            yield (word + " ") * min(10_000, count - done)


def _read_settings(path):
    with reading(path, "a tokenizer's settings"):
        return read_json(path, dict.fromkeys(_SETTINGS, (bool, None))) if path.exists() else {}
