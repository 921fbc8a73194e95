"""PyTorch state dicts of recurrent language models, in safetensors.

The names are those of PyTorch's own word_language_model: `encoder.weight`, `rnn.weight_ih_l0`, ...,
`decoder.weight`, `decoder.bias`. Read are others too: the recurrent layers are found by their
`weight_ih_l0`, the output layer by its bias, and the table is what is left.
"""

import itertools
import pathlib
import re

import numpy as np

from lm_zoo.errors import UserError
from lm_zoo.templates import render
from lm_zoo.weights.foreign_json import CONFIG, Fields, read_json
from lm_zoo.weights.foreign_model import ForeignModel, arguments_of, written
from lm_zoo.weights.tensor_mapping import check_tensors
from lm_zoo.weights.torch import recurrent_weights as recurrent
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

NAMES = {
    "rnn": "rnn.",
    "encoder": "encoder.weight",
    "decoder": "decoder.weight",
    "bias": "decoder.bias",
    "projection": "projection.weight",
}
_FIRST = re.compile(r"(.*\.|)weight_ih_l0")


def recognizes(folder):
    """Whether a folder has safetensors with recurrent layers in them."""
    if not any(pathlib.Path(folder).glob("*.safetensors")):
        return False
    with SafetensorsFolder(folder) as source:
        return any(_FIRST.fullmatch(name) for name in source.names)


def read(folder, tokenizer=None):
    """Reads a folder but for the weights, which are found to be all there.

    Args:
        folder: With safetensors, and perhaps a tokenizer.
        tokenizer: What is used instead of the folder's own tokenizer, or None.

    Returns:
        A `ForeignModel`.

    Raises:
        UserError: If something is missing or damaged, or computes what our models do not.
    """
    folder = pathlib.Path(folder)
    source = SafetensorsFolder(folder)
    names = _names(source)
    name, arguments = _arguments(source, names)
    if name == "rnn_lm" and (folder / CONFIG).is_file():
        fields = Fields(folder / CONFIG, read_json(folder / CONFIG))
        kinds = {"tanh": "tanh", "relu": "relu"}
        arguments["activation"] = fields.choice("nonlinearity", "tanh", kinds)
    check_tensors(recurrent.tensor_mappings(name, arguments, names), source)
    return ForeignModel(
        name,
        arguments,
        list(recurrent.tensor_mappings(name, arguments, names)),
        source,
        read_tokenizer(folder) if tokenizer is None else tokenizer,
        [*source.files, *tokenizer_files(folder)],
    )


def write(run, folder, shard_bytes=0):
    """Writes a run's model as a state dict, its tokenizer, and a README with the module for both.

    Args:
        run: A `Run`.
        folder: An existing folder, or one to make.
        shard_bytes: The most bytes of tensors in one file; 0 means 5 GiB.

    Returns:
        A line that says what was written.

    Raises:
        UserError: If the model is no recurrent one, or the files cannot be written.
    """
    folder, name, model = pathlib.Path(folder), run.config.model.name, run.model
    if name not in recurrent.GATES:
        raise UserError(
            f"--format=pytorch: expected {', '.join(recurrent.GATES)}, received a {name}; use "
            "--format=hugging_face for Transformers."
        )
    mappings = list(recurrent.tensor_mappings(name, arguments_of(model), NAMES))
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "vocab_size": model.num_rows,
        "embedding_dim": model.embedding_dim or model.hidden_dim,
        "hidden_dim": model.hidden_dim,
        "num_layers": model.num_layers,
        "tie_embeddings": model.tie_embeddings,
    }
    if name == "rnn_lm":
        settings["nonlinearity"] = model.activation
    write_json(folder / CONFIG, {"model": recurrent.CLASSES[name], **settings})
    write_tokenizer(run.tokenizer, folder, None)
    readme = render("pytorch_module.md", kind=recurrent.CLASSES[name], **settings)
    (folder / "README.md").write_text(readme, encoding="utf-8")
    where = write_safetensors(folder, mappings, model, shard_bytes)
    return written(f"nn.{recurrent.CLASSES[name]}", model, where)


def _names(source):
    """Returns the file's names for the mappings of a model, as `recurrent.tensor_mappings` takes them."""
    prefixes = [match[1] for match in map(_FIRST.fullmatch, sorted(source.names)) if match]
    if len(prefixes) != 1:
        found = f"found {len(prefixes)}" if prefixes else "found none"
        raise UserError(
            f"{source.where()}: expected the weights of one nn.LSTM, nn.GRU or nn.RNN (a tensor "
            f"weight_ih_l0), {found}; give a language model's state dict."
        )
    names = {"rnn": prefixes[0], "decoder": None, "projection": NAMES["projection"]}
    pattern = re.compile(re.escape(prefixes[0]) + r"(weight|bias)_(ih|hh)_l\d+")
    others = [name for name in sorted(source.names) if not pattern.fullmatch(name)]
    tables = []
    for name in others:
        if name.endswith(NAMES["projection"]):
            names["projection"] = name
        elif len(source.shape(name)) == 1:
            names.setdefault("bias", name)
        else:
            tables.append(name)
    if "bias" not in names or not tables:
        raise UserError(
            f"{source.where()}: expected a table and an output layer with a bias "
            f"({NAMES['encoder']}, {NAMES['decoder']}, {NAMES['bias']}) besides the recurrent "
            f"layers, found {', '.join(others) or 'neither'}."
        )
    output = names["bias"].removesuffix("bias") + "weight"
    inputs = [name for name in tables if name != output]
    # A tied table may be there once, since safetensors keeps one name of a tensor that has two.
    names["encoder"] = inputs[0] if inputs else output
    if inputs and output in tables:
        names["decoder"] = output
    return names


def _arguments(source, names):
    """Returns the model's name and its constructor's arguments, which follow from the shapes."""
    kernel, recurrent_kernel = (f"{names['rnn']}weight_{kind}_l0" for kind in ("ih", "hh"))
    for name in (kernel, recurrent_kernel, names["encoder"]):
        if name not in source.names or len(source.shape(name)) != 2:
            raise UserError(f"{source.where()}: expected a matrix {name!r}, found none.")
    rows, width = source.shape(recurrent_kernel)
    kinds = [name for name, gates in recurrent.GATES.items() if gates * width == rows]
    if not kinds:
        raise UserError(
            f"{source.where(recurrent_kernel)}: tensor {recurrent_kernel!r} of shape "
            f"{(rows, width)}: expected 1, 3 or 4 times as many rows as columns (nn.RNN, nn.GRU, "
            "nn.LSTM); projections inside the recurrence (proj_size) cannot be imported."
        )
    layers = itertools.takewhile(
        lambda index: f"{names['rnn']}weight_ih_l{index}" in source.names, itertools.count()
    )
    return kinds[0], {
        "vocab_size": source.shape(names["encoder"])[0],
        "hidden_dim": width,
        "num_layers": sum(1 for _ in layers),
        "embedding_dim": source.shape(kernel)[1],
        "tie_embeddings": _is_tied(source, names["encoder"], names["decoder"]),
    }


def _is_tied(source, encoder, decoder):
    """Whether input and output have one table: the file has it once, or twice the same."""
    if decoder is None:
        return True
    if source.shape(encoder) != source.shape(decoder):
        return False
    return bool(np.array_equal(source.read(encoder), source.read(decoder)))
