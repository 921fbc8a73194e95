"""Tokenizers in the files that transformers reads and writes."""

import json

from lm_zoo.config import TokenizerConfig
from lm_zoo.text.tokenizers import foreign_kind, load_tokenizer, train_tokenizer
from lm_zoo.text.tokenizers.tokenizer import FILE_NAME
from lm_zoo.text.tokenizers.wordpiece import SETTINGS_FILE
from lm_zoo.weights.transformers.tokenizer_json import read_byte_pairs
from lm_zoo.weights.transformers.tokenizer_settings import TokenizerSettings

TOKENIZER_JSON = "tokenizer.json"
NAMES = (FILE_NAME, TOKENIZER_JSON, SETTINGS_FILE, "special_tokens_map.json", "added_tokens.json")
NAMES += ("vocab.json", "merges.txt", "encoder.json", "vocab.bpe", "vocab.txt")


def read_tokenizer(folder, bos_id=None, eos_ids=()):
    """Returns the `Tokenizer` in a folder, or None if there is none.

    That is, in this order, one of ours, a SentencePiece `.model`, a `tokenizer.json` that does what
    GPT-2's or Llama 3's does, and without one GPT-2's `vocab.json` and `merges.txt` or BERT's
    `vocab.txt`: these do not say how text is split, and `tokenizer.json` does.

    Args:
        folder: The folder.
        bos_id: The token that the model's config says begins texts, or None.
        eos_ids: The tokens that it says end them.

    Raises:
        UserError: If there is one that is damaged, or that does what ours cannot.
    """
    if (folder / FILE_NAME).is_file():
        return load_tokenizer(folder)
    settings = TokenizerSettings(folder)
    if (folder / TOKENIZER_JSON).is_file() and not any(folder.glob("*.model")):
        tokenizer = read_byte_pairs(folder / TOKENIZER_JSON, eos_ids)
        settings.check_byte_pairs(tokenizer)
        return tokenizer
    kind = foreign_kind(folder)
    if kind is None:
        return None
    tokenizer = train_tokenizer(TokenizerConfig(name=kind, path=str(folder)), ())
    if kind == "bpe":
        tokenizer = settings.with_added(tokenizer, eos_ids)
        settings.check_byte_pairs(tokenizer)
    elif kind.startswith("sentencepiece"):
        return settings.with_start_of_sentence_piece(tokenizer, bos_id, folder / TOKENIZER_JSON)
    return settings.with_start(tokenizer, bos_id)


def tokenizer_files(folder):
    """Returns those of a folder's files that `read_tokenizer` may look at."""
    files = [folder / name for name in NAMES]
    return [file for file in files if file.is_file()] + sorted(folder.glob("*.model"))


def write_tokenizer(tokenizer, folder, max_length):
    """Writes a tokenizer's files: ours, and where transformers has the like, its own.

    Beside a SentencePiece model no class of transformers is named: its spaces would be treated as
    that class does, and not as the model says.

    Args:
        tokenizer: A `Tokenizer`.
        folder: An existing folder.
        max_length: The model's longest text in tokens, or None.
    """
    tokenizer.save(folder)
    if tokenizer.name == "bpe":
        _write_byte_pairs(tokenizer, folder, max_length)
    elif tokenizer.name.startswith("sentencepiece"):
        (folder / "tokenizer.model").write_bytes(tokenizer.model)
        if tokenizer.bos_id is not None:
            start = {"add_bos_token": True, "bos_token": tokenizer.token_text(tokenizer.bos_id)}
            write_json(folder / SETTINGS_FILE, start)


def _write_byte_pairs(tokenizer, folder, max_length):
    from tokenizers import decoders, processors

    if tokenizer.split_name == "gpt2" and not tokenizer.ignore_merges:  # what these files stand for
        write_json(folder / "vocab.json", tokenizer.vocabulary)
        lines = ["#version: 0.2", *(" ".join(pair) for pair in tokenizer.merges), ""]
        (folder / "merges.txt").write_text("\n".join(lines), encoding="utf-8")
    library = tokenizer.library()
    library.decoder = decoders.ByteLevel()
    library.post_processor = processors.ByteLevel(trim_offsets=False)
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "add_prefix_space": False}
    settings["clean_up_tokenization_spaces"] = False  # decoding gives the text back as it was
    if max_length is not None:
        settings["model_max_length"] = max_length
    if tokenizer.eos_id is not None:
        end = tokenizer.token_text(tokenizer.eos_id)
        settings |= dict.fromkeys(("bos_token", "eos_token", "unk_token"), end)
    if tokenizer.bos_id is not None:
        start = tokenizer.token_text(tokenizer.bos_id)
        settings["bos_token"] = start
        template = processors.TemplateProcessing(
            single=[start, "$A"],
            pair=[start, "$A", f"{start}:1", "$B:1"],
            special_tokens=[(start, tokenizer.bos_id)],
        )
        library.post_processor = processors.Sequence([library.post_processor, template])
    library.save(str(folder / TOKENIZER_JSON))
    write_json(folder / SETTINGS_FILE, settings)


def write_json(path, values):
    """Writes JSON as transformers does: readable, and not in ASCII alone."""
    path.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
