"""keras-hub's GPT-2 presets: a folder with `config.json` and `model.weights.h5`.

Neither needs keras-hub: the weights are read and written by h5py, in the places where Keras'
`save_weights` has them, and nothing in a preset is deserialized as an object.
"""

import importlib.metadata
import pathlib

from lm_zoo import __version__
from lm_zoo.errors import UserError
from lm_zoo.templates import render
from lm_zoo.text.tokenizers import BytePairTokenizer, load_tokenizer
from lm_zoo.text.tokenizers.bpe import END_OF_TEXT
from lm_zoo.text.tokenizers.tokenizer import FILE_NAME
from lm_zoo.weights.foreign_json import CONFIG, Fields, read_json
from lm_zoo.weights.foreign_model import (
    TRANSFORMER,
    ForeignModel,
    arguments_of,
    check_written,
    not_held,
    written,
)
from lm_zoo.weights.keras.keras_hub_gpt2 import tensor_mappings
from lm_zoo.weights.keras.keras_weights import KerasWeights, write_keras_weights
from lm_zoo.weights.tensor_mapping import check_tensors
from lm_zoo.weights.transformers import gpt2
from lm_zoo.weights.transformers.hugging_face_tokenizer import write_json

WEIGHTS = "model.weights.h5"
BACKBONE = "GPT2Backbone"
TOKENIZER_CONFIG = "tokenizer.json"
ASSETS = "assets/tokenizer"


def recognizes(folder):
    """Whether a folder has a `config.json` with a `class_name`."""
    config = pathlib.Path(folder) / CONFIG
    return config.is_file() and "class_name" in read_json(config)


def read(folder, tokenizer=None):
    """Reads a preset but for the weights, which are found to be all there.

    Args:
        folder: With `config.json`, `model.weights.h5`, and perhaps `assets/tokenizer`.
        tokenizer: What is used instead of the preset's own tokenizer, or None.

    Returns:
        A `ForeignModel`.

    Raises:
        UserError: If something is missing or damaged, or computes what our model does not.
    """
    folder = pathlib.Path(folder)
    values = read_json(folder / CONFIG)
    if values.get("class_name") != BACKBONE:
        raise UserError(
            f"{folder / CONFIG}: class_name: expected {BACKBONE!r}, received "
            f"{values.get('class_name')!r:.80}; other presets of keras-hub cannot be imported."
        )
    if not isinstance(values.get("config"), dict):
        raise UserError(f"{folder / CONFIG}: expected a mapping config; copy it again.")
    fields = Fields(folder / CONFIG, values["config"])
    arguments = {
        "vocab_size": fields.size("vocabulary_size"),
        "hidden_dim": fields.size("hidden_dim"),
        "num_layers": fields.size("num_layers"),
        "num_heads": fields.size("num_heads"),
        "intermediate_dim": fields.size("intermediate_dim"),
        "context_length": fields.size("max_sequence_length", 1024),
        "dropout": fields.number("dropout", 0.1),
    }
    source = KerasWeights(folder / WEIGHTS)
    check_tensors(tensor_mappings(arguments), source)
    files = [folder / CONFIG, folder / WEIGHTS]
    if tokenizer is None:
        tokenizer, tokenizer_files = _read_tokenizer(folder)
        files += tokenizer_files
    return ForeignModel(
        TRANSFORMER, arguments, list(tensor_mappings(arguments)), source, tokenizer, files
    )


def write(run, folder):
    """Writes a run's model and tokenizer as a preset.

    Args:
        run: A `Run`.
        folder: An existing folder, or one to make.

    Returns:
        A line that says what was written.

    Raises:
        UserError: If the model is not GPT-2's form, or the files cannot be written.
    """
    folder, model = pathlib.Path(folder), run.model
    if run.config.model.name != TRANSFORMER:
        raise UserError(
            f"--format=keras_hub: expected a {TRANSFORMER} with GPT-2's architecture, received a "
            f"{run.config.model.name}; use --format=pytorch for recurrent models."
        )
    held = gpt2.held_by(model) | {
        "feed_forward": ("gelu",),
        "tie_embeddings": (True,),
        "norm_epsilon": (1e-5,),
        "scale_attention": (True,),
        "scale_attention_by_layer": (False,),
    }
    if (name := not_held(model, held)) is not None:
        raise UserError(
            f"--format=keras_hub: {BACKBONE} has {name}={' or '.join(map(repr, held[name]))}, "
            f"received a model with {getattr(model, name)!r}."
        )
    mappings = list(tensor_mappings(arguments_of(model)))
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "vocabulary_size": model.num_rows,
        "num_layers": model.num_layers,
        "num_heads": model.num_heads,
        "hidden_dim": model.hidden_dim,
        "intermediate_dim": model.blocks[0].intermediate_dim,
        "dropout": model.dropout,
        "max_sequence_length": model.context_length,
    }
    write_json(folder / CONFIG, _serialized("gpt2_backbone", BACKBONE, "float32", settings))
    write_json(
        folder / "metadata.json",
        {
            "keras_version": importlib.metadata.version("keras"),
            "keras_hub_version": importlib.metadata.version("keras-hub"),
            "parameter_count": model.num_parameters,
            "tasks": ["CausalLM"],
        },
    )
    _write_tokenizer(run.tokenizer, folder)
    page = {"backbone": BACKBONE, "parameters": model.num_parameters, "step": run.step}
    page |= {"name": run.config.name, "data": {}, "version": __version__}
    if run.folder:
        page |= {"name": run.folder.path.resolve().name, "data": run.folder.data_record()}
    readme = render("keras_hub_preset.md", **page)
    (folder / "README.md").write_text(readme, encoding="utf-8")
    write_keras_weights(folder / WEIGHTS, mappings, model)
    with KerasWeights(folder / WEIGHTS) as source:
        check_written(mappings, source, model)
    return written(BACKBONE, model, WEIGHTS)


def _read_tokenizer(folder):
    """Returns the preset's tokenizer or None, and its files."""
    if (folder / FILE_NAME).is_file():
        return load_tokenizer(folder), [folder / FILE_NAME]
    assets = folder / ASSETS
    if not BytePairTokenizer.has_gpt2_files(assets):
        return None, []
    settings = folder / TOKENIZER_CONFIG
    if settings.is_file():
        own = read_json(settings).get("config")
        fields = Fields(settings, own if isinstance(own, dict) else {})
        fields.require("add_prefix_space", False, default=False)
    tokenizer = BytePairTokenizer.from_gpt2_files(assets)
    tokenizer.eos_in_text = tokenizer.eos_id is not None  # GPT-2 was trained so
    files = (assets / "vocabulary.json", assets / "merges.txt", settings)
    return tokenizer, [file for file in files if file.is_file()]


def _write_tokenizer(tokenizer, folder):
    """Writes ours, and of byte pairs keras-hub's too."""
    tokenizer.save(folder)
    if tokenizer.name != "bpe" or END_OF_TEXT not in tokenizer.specials:
        return  # keras-hub's GPT-2 tokenizer insists on <|endoftext|>
    if tokenizer.split_name != "gpt2" or tokenizer.ignore_merges:
        return  # and splits in GPT-2's way alone
    (folder / ASSETS).mkdir(parents=True, exist_ok=True)
    write_json(folder / ASSETS / "vocabulary.json", tokenizer.vocabulary)
    lines = "".join(" ".join(pair) + "\n" for pair in tokenizer.merges)
    (folder / ASSETS / "merges.txt").write_text(lines, encoding="utf-8")
    settings = {
        "config_file": TOKENIZER_CONFIG,
        "sequence_length": None,
        "add_prefix_space": False,
        "unsplittable_tokens": tokenizer.specials,
    }
    values = _serialized("gpt2_tokenizer", "GPT2Tokenizer", "int32", settings)
    write_json(folder / TOKENIZER_CONFIG, values)


def _serialized(module, name, dtype, settings):
    """Returns an object as Keras' `serialize_keras_object` writes it."""
    policy = {
        "module": "keras",
        "class_name": "DTypePolicy",
        "config": {"name": dtype},
        "registered_name": None,
    }
    return {
        "module": f"keras_hub.src.models.gpt2.{module}",
        "class_name": name,
        "config": {"name": module, "trainable": True, "dtype": policy, **settings},
        "registered_name": f"keras_hub>{name}",
    }
