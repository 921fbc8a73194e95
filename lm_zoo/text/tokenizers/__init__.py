"""Tokenizers: text to ids and back. Importing this does not import TensorFlow."""

from lm_zoo.errors import UserError
from lm_zoo.files import expanded
from lm_zoo.registration import Registry
from lm_zoo.text.tokenizers import tokenizer as _tokenizer
from lm_zoo.text.tokenizers.bpe import BytePairTokenizer
from lm_zoo.text.tokenizers.byte import ByteTokenizer
from lm_zoo.text.tokenizers.character import CharacterTokenizer
from lm_zoo.text.tokenizers.chinese_word import ChineseWordTokenizer
from lm_zoo.text.tokenizers.foreign import foreign_kind, read_foreign
from lm_zoo.text.tokenizers.sample import spread
from lm_zoo.text.tokenizers.sentence_piece import (
    SentencePieceBPETokenizer,
    SentencePieceUnigramTokenizer,
)
from lm_zoo.text.tokenizers.tokenizer import Tokenizer
from lm_zoo.text.tokenizers.word import WordTokenizer
from lm_zoo.text.tokenizers.wordpiece import WordPieceTokenizer

__all__ = [
    "TOKENIZERS",
    "BytePairTokenizer",
    "ByteTokenizer",
    "CharacterTokenizer",
    "ChineseWordTokenizer",
    "SentencePieceBPETokenizer",
    "SentencePieceUnigramTokenizer",
    "Tokenizer",
    "WordPieceTokenizer",
    "WordTokenizer",
    "foreign_kind",
    "load_tokenizer",
    "train_tokenizer",
]

_OWN = {
    "bpe": BytePairTokenizer,
    "byte": ByteTokenizer,
    "character": CharacterTokenizer,
    "chinese_word": ChineseWordTokenizer,
    "sentencepiece_bpe": SentencePieceBPETokenizer,
    "sentencepiece_unigram": SentencePieceUnigramTokenizer,
    "word": WordTokenizer,
    "wordpiece": WordPieceTokenizer,
}


def _is_tokenizer(what):
    return isinstance(what, type) and issubclass(what, Tokenizer)


TOKENIZERS = Registry(
    "tokenizer", _OWN, _is_tokenizer, "a subclass of lm_zoo.text.tokenizers.Tokenizer"
)
SUBWORDS = ("bpe", "sentencepiece_bpe", "sentencepiece_unigram", "wordpiece")


def train_tokenizer(config, texts, num_bytes=0):
    """Trains the tokenizer that a config describes, or loads it when the config gives its path.

    Args:
        config: A `TokenizerConfig`.
        texts: Iterable of strings to train on (the training split alone, to be honest); not read
            when `config.path` is set.
        num_bytes: About how much text that is, so that the `config.training_bytes` that subword
            tokenizers are trained on are spread over it; 0 (not known) takes them from the
            beginning.

    Returns:
        A `Tokenizer`.

    Raises:
        UserError: For an unknown name, an impossible vocabulary size, or a path without a tokenizer
            of that name.
    """
    kind = TOKENIZERS.find("tokenizer.name", config.name)
    if not config.path:
        if config.name in SUBWORDS:
            texts = spread(_tokenizer.as_texts(texts), config.training_bytes, num_bytes)
        return kind.train(texts, config.vocab_size, config.min_count)
    path = expanded(config.path)
    if not (path / _tokenizer.FILE_NAME).exists():
        foreign = read_foreign(config.name, path)
        if foreign is not None:
            return foreign
    loaded = load_tokenizer(path)
    if loaded.name != config.name:
        raise UserError(
            f"tokenizer.path: expected a {config.name} tokenizer in {path}, found {loaded.name}; "
            f"set tokenizer.name to {loaded.name!r} or give another path."
        )
    return loaded


def load_tokenizer(directory):
    """Reads the tokenizer that `Tokenizer.save` wrote into `directory`.

    Raises:
        UserError: If it is missing, damaged, altered, or of another version.
    """
    return _tokenizer.load(directory, TOKENIZERS)
