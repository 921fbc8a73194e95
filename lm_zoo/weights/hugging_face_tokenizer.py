"""Tokenizers in the files that transformers reads and writes."""

import json

from lm_zoo.config import TokenizerConfig
from lm_zoo.errors import UserError
from lm_zoo.text.tokenizers import (
    BytePairTokenizer,
    foreign_kind,
    load_tokenizer,
    train_tokenizer,
)
from lm_zoo.text.tokenizers.bpe import END_OF_TEXT
from lm_zoo.text.tokenizers.tokenizer import FILE_NAME
from lm_zoo.weights.foreign_json import read_json

TOKENIZER_JSON = "tokenizer.json"
SETTINGS = "tokenizer_config.json"


def read_tokenizer(folder):
    """Returns the `Tokenizer` in a folder, or None if there is none.

    That is, in this order, one of ours, a SentencePiece `.model`, a `tokenizer.json` that does what
    GPT-2's does, and without one GPT-2's `vocab.json` and `merges.txt` or BERT's `vocab.txt`: these
    do not say how text is split, and `tokenizer.json` does.

    Raises:
        UserError: If there is one that is damaged, or that we have no like of.
    """
    if (folder / FILE_NAME).is_file():
        return load_tokenizer(folder)
    if (folder / TOKENIZER_JSON).is_file() and not any(folder.glob("*.model")):
        return _byte_pairs(folder / TOKENIZER_JSON)
    settings = folder / SETTINGS
    if settings.is_file() and read_json(settings).get("add_prefix_space"):
        raise _unlike(settings, "it puts a space before each text (add_prefix_space)")
    kind = foreign_kind(folder)
    return train_tokenizer(TokenizerConfig(name=kind, path=str(folder)), ()) if kind else None


def adds_start_token(folder):
    """Whether texts begin with the start token that `config.json` names: so it is with Llama."""
    settings = folder / SETTINGS
    return not settings.is_file() or read_json(settings).get("add_bos_token") is not False


def tokenizer_files(folder):
    """Returns those of a folder's files that `read_tokenizer` may look at."""
    names = (FILE_NAME, TOKENIZER_JSON, SETTINGS, "vocab.json", "merges.txt")
    names += ("encoder.json", "vocab.bpe", "vocab.txt")
    files = [folder / name for name in names]
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
            write_json(folder / SETTINGS, start)


def _write_byte_pairs(tokenizer, folder, max_length):
    import tokenizers
    from tokenizers import decoders, models, pre_tokenizers, processors

    vocabulary, merges = tokenizer.vocabulary, tokenizer.merges
    write_json(folder / "vocab.json", vocabulary)
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges), ""]
    (folder / "merges.txt").write_text("\n".join(lines), encoding="utf-8")
    library = tokenizers.Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    library.decoder = decoders.ByteLevel()
    library.post_processor = processors.ByteLevel(trim_offsets=False)
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "add_prefix_space": False}
    settings["clean_up_tokenization_spaces"] = False  # decoding gives the text back as it was
    if max_length is not None:
        settings["model_max_length"] = max_length
    if tokenizer.eos_id is not None:
        library.add_special_tokens([END_OF_TEXT])
        settings |= dict.fromkeys(("bos_token", "eos_token", "unk_token"), END_OF_TEXT)
    library.save(str(folder / TOKENIZER_JSON))
    write_json(folder / SETTINGS, settings)


def write_json(path, values):
    """Writes JSON as transformers does: readable, and not in ASCII alone."""
    path.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _byte_pairs(path):
    """Reads a `tokenizer.json` whose every part is GPT-2's."""
    values = read_json(path)
    model, before = values.get("model"), values.get("pre_tokenizer")
    if not isinstance(model, dict) or model.get("type") != "BPE" or model.get("byte_fallback"):
        raise _unlike(path, "its model is not byte-level BPE")
    right = isinstance(before, dict) and before.get("type") == "ByteLevel"
    if not right or before.get("add_prefix_space") or not before.get("use_regex", True):
        raise _unlike(path, "its pre_tokenizer does not split as GPT-2's does")
    if values.get("normalizer") or model.get("ignore_merges") or model.get("dropout"):
        raise _unlike(path, "it normalizes text, ignores merges or drops some")
    try:
        vocabulary = dict(model["vocab"])
        merges = [m.split(" ") if isinstance(m, str) else m for m in model["merges"]]
        added = {token["content"]: token["id"] for token in values.get("added_tokens") or []}
    except (KeyError, TypeError, ValueError, AttributeError):
        raise UserError(f"{path}: expected vocab and merges; copy it again.") from None
    for token in added:
        if token != END_OF_TEXT:
            raise _unlike(path, f"it has the token {token!r} besides {END_OF_TEXT}")
    vocabulary |= added
    if not all(type(i) is int for i in vocabulary.values()):
        raise UserError(f"{path}: expected token to id in vocab; copy it again.")
    return BytePairTokenizer(vocabulary, merges)


def _unlike(path, why):
    return UserError(
        f"{path}: lm_zoo has no tokenizer like this one ({why}); expected GPT-2's form, or a "
        "SentencePiece tokenizer.model beside it, or give --tokenizer."
    )
