"""Tokenizers: text to ids and back. Importing this does not import TensorFlow."""

import pathlib

from lm_zoo.errors import UserError, unknown_name
from lm_zoo.text.tokenizers import tokenizer as _tokenizer
from lm_zoo.text.tokenizers.bpe import BytePairTokenizer
from lm_zoo.text.tokenizers.byte import ByteTokenizer
from lm_zoo.text.tokenizers.character import CharacterTokenizer
from lm_zoo.text.tokenizers.tokenizer import Tokenizer
from lm_zoo.text.tokenizers.word import WordTokenizer

__all__ = [
    "TOKENIZERS",
    "BytePairTokenizer",
    "ByteTokenizer",
    "CharacterTokenizer",
    "Tokenizer",
    "WordTokenizer",
    "load_tokenizer",
    "train_tokenizer",
]

TOKENIZERS = {
    "bpe": BytePairTokenizer,
    "byte": ByteTokenizer,
    "character": CharacterTokenizer,
    "word": WordTokenizer,
}


def train_tokenizer(config, texts):
    """Trains the tokenizer that a config describes, or loads it when the config gives its path.

    Args:
        config: A `TokenizerConfig`.
        texts: Iterable of strings to train on (the training split alone, to be honest); not read
            when `config.path` is set.

    Returns:
        A `Tokenizer`.

    Raises:
        UserError: For an unknown name, an impossible vocabulary size, or a path without a tokenizer
            of that name.
    """
    if config.name not in TOKENIZERS:
        raise unknown_name("tokenizer.name", config.name, TOKENIZERS)
    if not config.path:
        return TOKENIZERS[config.name].train(texts, config.vocab_size, config.min_count)
    directory = pathlib.Path(config.path)
    saved = (directory / _tokenizer.FILE_NAME).exists()
    if config.name == "bpe" and not saved and BytePairTokenizer.has_gpt2_files(directory):
        return BytePairTokenizer.from_gpt2_files(directory)
    loaded = load_tokenizer(directory)
    if loaded.name != config.name:
        raise UserError(
            f"tokenizer.path: expected a {config.name} tokenizer in {directory}, found a "
            f"{loaded.name} one; set tokenizer.name to {loaded.name!r} or give another path."
        )
    return loaded


def load_tokenizer(directory):
    """Reads the tokenizer that `Tokenizer.save` wrote into `directory`.

    Raises:
        UserError: If it is missing, damaged, altered, or of another version.
    """
    return _tokenizer.load(directory, TOKENIZERS)
