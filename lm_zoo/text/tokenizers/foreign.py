"""Tokenizers in the files of other programs: which kind they are, and reading them."""

import pathlib

from lm_zoo.text.tokenizers.bpe import BytePairTokenizer
from lm_zoo.text.tokenizers.sentence_piece import (
    SentencePieceBPETokenizer,
    SentencePieceUnigramTokenizer,
    kind_of_model,
)
from lm_zoo.text.tokenizers.wordpiece import VOCABULARY_FILE, WordPieceTokenizer

_SENTENCEPIECE = {
    cls.name: cls for cls in (SentencePieceBPETokenizer, SentencePieceUnigramTokenizer)
}


def foreign_kind(path):
    """Returns the kind of tokenizer that another program has left at `path`, or None.

    That is GPT-2's two files in a folder (`bpe`), BERT's `vocab.txt` or any `.txt` file of pieces
    (`wordpiece`), or a SentencePiece `.model` file, also when it is the only one in a folder.

    Raises:
        UserError: If a `.model` file cannot be read.
    """
    path = pathlib.Path(path)
    if path.is_file():
        return "wordpiece" if path.suffix == ".txt" else kind_of_model(path)
    if BytePairTokenizer.has_gpt2_files(path):
        return "bpe"
    if (path / VOCABULARY_FILE).is_file():
        return "wordpiece"
    models = list(path.glob("*.model"))
    return kind_of_model(models[0]) if len(models) == 1 else None


def read_foreign(name, path):
    """Reads a tokenizer of the kind `name` from another program's files, or returns None.

    Raises:
        UserError: If such files are there, but damaged or of another kind.
    """
    path = pathlib.Path(path)
    if name == "bpe" and BytePairTokenizer.has_gpt2_files(path):
        return BytePairTokenizer.from_gpt2_files(path)
    if name == "wordpiece" and (path.is_file() or (path / VOCABULARY_FILE).is_file()):
        return WordPieceTokenizer.from_vocab_file(path)
    if name in _SENTENCEPIECE and (path.is_file() or any(path.glob("*.model"))):
        return _SENTENCEPIECE[name].from_model_file(path)
    return None
