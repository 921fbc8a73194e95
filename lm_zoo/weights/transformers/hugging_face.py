"""Folders that transformers reads and writes: GPT-2 and Llama, weights in safetensors."""

import copy
import pathlib

from lm_zoo.errors import UserError
from lm_zoo.weights.foreign_json import CONFIG, Fields, read_json
from lm_zoo.weights.foreign_model import (
    TRANSFORMER,
    ForeignModel,
    arguments_of,
    not_held,
    written,
)
from lm_zoo.weights.tensor_mapping import HEAD, check_tensors
from lm_zoo.weights.transformers import gpt2, llama
from lm_zoo.weights.transformers.hugging_face_card import model_card
from lm_zoo.weights.transformers.hugging_face_tokenizer import (
    read_tokenizer,
    tokenizer_files,
    write_json,
    write_tokenizer,
)
from lm_zoo.weights.transformers.safetensors_folder import (
    SafetensorsFolder,
    write_safetensors,
)

ARCHITECTURES = {module.MODEL_TYPE: module for module in (gpt2, llama)}


def recognizes(folder):
    """Whether a folder has a `config.json` with a `model_type`."""
    config = pathlib.Path(folder) / CONFIG
    return config.is_file() and "model_type" in read_json(config)


def read(folder, tokenizer=None):
    """Reads a folder but for the weights, which are found to be all there.

    Args:
        folder: With `config.json`, safetensors, and perhaps a tokenizer.
        tokenizer: What is used instead of the folder's own tokenizer, or None.

    Returns:
        A `ForeignModel`.

    Raises:
        UserError: If something is missing or damaged, or computes what our model does not.
    """
    folder = pathlib.Path(folder)
    values = read_json(folder / CONFIG)
    kind = values.get("model_type")
    if kind not in ARCHITECTURES:
        known = " or ".join(repr(name) for name in ARCHITECTURES)
        raise UserError(
            f"{folder / CONFIG}: model_type: expected {known}, received {kind!r:.80}; other "
            "models of transformers cannot be imported."
        )
    architecture, fields = ARCHITECTURES[kind], Fields(folder / CONFIG, values)
    fields.require("quantization_config", None)
    arguments = architecture.read_config(fields)
    source = SafetensorsFolder(folder)
    prefix = "" if architecture.BARE & source.names else architecture.PREFIX
    tied = arguments["tie_embeddings"]

    def ignored(name):
        return architecture.BUFFERS.fullmatch(name) or (tied and name == HEAD)

    # A tied table may be there under the head's name alone: safetensors keep shared tensors once.
    table = prefix + architecture.TABLE
    if tied and table not in source.names and HEAD in source.names:
        table = HEAD
    check_tensors(architecture.tensor_mappings(arguments, prefix, table), source, ignored)
    if tied and HEAD in source.names:
        _check_tied(source, table, HEAD)
    bos, ends = values.get("bos_token_id", architecture.DEFAULT_BOS), values.get("eos_token_id")
    ends = ends if isinstance(ends, list) else [ends]
    tokenizer = read_tokenizer(folder, bos, ends) if tokenizer is None else copy.copy(tokenizer)
    if tokenizer is not None and tokenizer.bos_id is None and bos == tokenizer.eos_id:
        tokenizer.eos_in_text = True  # GPT-2's texts follow each other's ends
    return ForeignModel(
        TRANSFORMER,
        arguments,
        list(architecture.tensor_mappings(arguments, prefix, table)),
        source,
        tokenizer,
        [folder / CONFIG, *source.files, *tokenizer_files(folder)],
    )


def write(run, folder, shard_bytes=0):
    """Writes a run's model and tokenizer so that transformers loads them.

    Args:
        run: A `Run`.
        folder: An existing folder, or one to make.
        shard_bytes: The most bytes of tensors in one file; 0 means 5 GiB.

    Returns:
        A line that says what was written.

    Raises:
        UserError: If transformers has no such model, or the files cannot be written.
    """
    folder = pathlib.Path(folder)
    kind, architecture = _architecture_of(run)
    model, tokenizer = run.model, run.tokenizer
    mappings = list(architecture.tensor_mappings(arguments_of(model)))
    folder.mkdir(parents=True, exist_ok=True)
    start_ids = tokenizer.start_ids
    write_json(
        folder / CONFIG,
        {
            "architectures": [architecture.ARCHITECTURE],
            "model_type": kind,
            "vocab_size": model.num_rows,
            **architecture.write_config(model),
            "tie_word_embeddings": model.tie_embeddings,
            "bos_token_id": int(start_ids[0]) if len(start_ids) == 1 else None,
            "eos_token_id": tokenizer.eos_id,
            "torch_dtype": "float32",  # transformers 4
            "dtype": "float32",
            "use_cache": True,
        },
    )
    write_tokenizer(tokenizer, folder, model.context_length)
    card = model_card(run, kind, architecture.ARCHITECTURE)
    (folder / "README.md").write_text(card, encoding="utf-8")
    where = write_safetensors(folder, mappings, model, shard_bytes)
    return written(architecture.ARCHITECTURE, model, where)


def _architecture_of(run):
    """Returns the name and module of the architecture that a run's model is one of."""
    if run.config.model.name != TRANSFORMER:
        raise UserError(
            f"--format=hugging_face: expected a {TRANSFORMER}, received a "
            f"{run.config.model.name}; use --format=pytorch for recurrent models."
        )
    reasons = []
    for kind, architecture in ARCHITECTURES.items():
        held = architecture.held_by(run.model)
        name = not_held(run.model, held)
        if name is None:
            return kind, architecture
        only = " or ".join(map(repr, held[name]))
        reasons.append(f"{kind} has {name}={only}, not {getattr(run.model, name)!r}")
    raise UserError(
        "--format=hugging_face: transformers has no model with this architecture "
        f"({'; '.join(reasons)}); export it as a SavedModel."
    )


def _check_tied(source, table, head):
    """Sees that a head that is written out although it is tied is the table."""
    if source.shape(head) != source.shape(table) or (source.read(head) != source.read(table)).any():
        raise UserError(
            f"{source.where(head)}: tensor {head!r} of shape {source.shape(head)} is not "
            f"{table!r} of shape {source.shape(table)}, although tie_word_embeddings is true in "
            f"{CONFIG}; set it to false there if the head has its own weights."
        )
