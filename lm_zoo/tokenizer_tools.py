"""Training, finding and comparing tokenizers: `lm_zoo.train_tokenizer`, `lm_zoo.load_tokenizer`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lm_zoo.config import CorpusConfig, TokenizerConfig
from lm_zoo.config.config_files import given_config
from lm_zoo.data.corpora import load_corpus
from lm_zoo.data.examples import prepared_preprocessors
from lm_zoo.data.preparation import prepared_corpus
from lm_zoo.errors import UserError, unknown_name
from lm_zoo.files import expanded
from lm_zoo.progress import current_stages, stage
from lm_zoo.run_folder import RunFolder
from lm_zoo.tasks import fields_of
from lm_zoo.text import tokenizers
from lm_zoo.text.tokenizer_measures import TokenizerComparison, measure
from lm_zoo.types import Path

if TYPE_CHECKING:
    from lm_zoo.text.tokenizers.tokenizer import Tokenizer


def train_tokenizer(
    kind: str,
    files: Path | Sequence[Path] = (),
    vocab_size: int = 0,
    min_count: int = 1,
    encoding: str = "utf-8",
    text_field: str = "",
) -> "Tokenizer":
    """Trains a tokenizer on files, or the one of a config on the config's training text.

        tokenizer = lm_zoo.train_tokenizer("bpe", "books/*.txt", vocab_size=8000)
        tokenizer.save("tokenizers/bpe")

    Args:
        kind: `bpe`, `wordpiece`, ... (`lm-zoo list tokenizers`). Without files an
            `ExperimentConfig`, or its name or path; where its records have several texts, the
            tokenizer is that of the last one.
        files: A file, folder or pattern, or several.
        vocab_size: Largest vocabulary; 0 is no limit.
        min_count: Rarer words and characters are unknown.
        encoding: Of the files.
        text_field: The field with the text, in JSON, CSV and Parquet files.

    Returns:
        A `Tokenizer`; printed, it shows what is in it.

    Raises:
        UserError: For a kind, a size or text that cannot be used.
    """
    if files:
        config = TokenizerConfig(name=kind, vocab_size=vocab_size, min_count=min_count)
        with stage(f"Training {kind}"):
            return tokenizers.train_tokenizer(config, *_texts_of(files, encoding, text_field))
    config = given_config(kind, {})
    fields = fields_of(config)
    texts = [field for field in fields if field.kind == "text"]
    with current_stages() as listener:
        corpus = prepared_corpus(config, fields, listener)
        *_, tokenizer = prepared_preprocessors(config, corpus, texts, listener).values()
    return tokenizer


def load_tokenizer(source: Path) -> "Tokenizer":
    """Reads a saved tokenizer, a run's, or one of another program.

    Args:
        source: The folder that `Tokenizer.save` wrote; a run's folder, whose last text field's it
            is; or BERT's `vocab.txt`, a SentencePiece `.model`, GPT-2's folder.

    Returns:
        A `Tokenizer`.

    Raises:
        UserError: If there is none, or it cannot be read.
    """
    path = expanded(source)
    if not path.exists():
        raise UserError(f"tokenizer: there is no file or folder {str(source)!r}; check the path.")
    kind = tokenizers.foreign_kind(path)
    if kind:
        return tokenizers.train_tokenizer(TokenizerConfig(name=kind, path=str(source)), ())
    folder = RunFolder(path)
    if not folder.begun():
        return tokenizers.load_tokenizer(path)
    fields = fields_of(folder.require().config())
    *_, name = (field.name for field in fields if field.kind == "text")
    return folder.preprocessors(fields)[name]


def compare_tokenizers(
    sources: Sequence[Any],
    files: Path | Sequence[Path],
    train_on: Path | Sequence[Path] = (),
    repeats: int = 3,
    encoding: str = "utf-8",
    text_field: str = "",
) -> Any:
    """Measures how several tokenizers do on one text.

    Args:
        sources: What `load_tokenizer` takes; or kinds, as `"byte"` or `"bpe:8000"`, which are
            trained on the spot.
        files: The text to measure them on: a file, folder or pattern, or several.
        train_on: The text to train on: a file, folder or pattern, or several.
        repeats: Number of timed runs; the shortest counts.
        encoding: Of the files.
        text_field: The field with the text, in JSON, CSV and Parquet files.

    Returns:
        A `TokenizerComparison`; printed, it is a table.

    Raises:
        UserError: For a tokenizer or text that cannot be used.
    """
    found = [_find_or_train(source, train_on, encoding, text_field) for source in sources]
    texts = list(_texts_of(files, encoding, text_field)[0])
    return TokenizerComparison(
        [
            {"tokenizer": str(source), **measure(tokenizer, texts, repeats)}
            for source, tokenizer in zip(sources, found)
        ]
    )


def _find_or_train(source, train_on, encoding, text_field):
    name, _, size = str(source).partition(":")
    if name not in tokenizers.TOKENIZERS:
        if expanded(source).exists():
            return load_tokenizer(source)
        raise unknown_name("tokenizer compare", name, tokenizers.TOKENIZERS)
    if size and not (size.isascii() and size.isdigit() and len(size) < 10):
        raise UserError(f"tokenizer compare: expected NAME:VOCAB_SIZE, received {source!r}.")
    config = TokenizerConfig(name=name, vocab_size=int(size or 0))
    if name == "byte":
        return tokenizers.train_tokenizer(config, ())
    if not train_on:
        raise UserError(
            f"tokenizer compare: {source} must be trained; give text with --train_on, or the "
            "folder of a saved tokenizer."
        )
    with stage(f"Training {source}"):
        return tokenizers.train_tokenizer(config, *_texts_of(train_on, encoding, text_field))


def _texts_of(files, encoding, text_field):
    """Returns an iterator over the texts of files, and about how many bytes they have."""
    files = (files,) if isinstance(files, str) else files
    config = CorpusConfig(
        "text_files",
        train_files=tuple(map(str, files)),
        encoding=encoding,
        text_field=text_field,
        validation_fraction=0.0,
        test_fraction=0.0,
    )
    corpus = load_corpus(config)
    return corpus.texts("train"), corpus.num_bytes
