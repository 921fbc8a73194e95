"""Folders as other libraries write them, made of the reference weights in `tests/fixtures`."""

import json
import pathlib

import numpy as np
from safetensors.numpy import save_file

from lm_zoo.config import ExperimentConfig, ModelConfig
from lm_zoo.registry import build_model
from lm_zoo.tasks.language_modeling.run import LanguageModelRun
from lm_zoo.text.tokenizers import BytePairTokenizer, CharacterTokenizer
from tests.small import language_modeling

FIXTURES = pathlib.Path(__file__).resolve().parents[1] / "fixtures"
GPT2 = {
    "model_type": "gpt2",
    "vocab_size": 61,
    "n_positions": 16,
    "n_embd": 24,
    "n_layer": 2,
    "n_head": 3,
}
LLAMA = {
    "model_type": "llama",
    "vocab_size": 61,
    "hidden_size": 24,
    "intermediate_size": 40,
    "num_hidden_layers": 2,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "max_position_embeddings": 16,
    "rms_norm_eps": 1e-5,
}


def reference(name):
    """Returns `(tensors, token_ids, logits)` of a file in `tests/fixtures`."""
    arrays = dict(np.load(FIXTURES / f"{name}_reference.npz"))
    return arrays, arrays.pop("token_ids"), arrays.pop("logits", None)


def recurrent_reference(kind):
    """The same of `LSTM`, `GRU` or `RNN`."""
    arrays, token_ids, _ = reference("recurrent")
    own = {n.removeprefix(f"{kind}/"): a for n, a in arrays.items() if n.startswith(f"{kind}/")}
    return own, token_ids, own.pop("logits")


def write_folder(folder, config, tensors):
    """Writes `config.json`, unless it is None, and `model.safetensors`."""
    folder.mkdir()
    if config is not None:
        (folder / "config.json").write_text(json.dumps(config))
    save_file(tensors, folder / "model.safetensors")
    return folder


def characters(vocab_size):
    """Returns a tokenizer of so many tokens."""
    text = "\nabcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,;"
    return CharacterTokenizer.train([text[: vocab_size - 1]])


def byte_pairs(vocab_size=280):
    return BytePairTokenizer.train(
        ["the cat sat on the mat and ate the cat's dinner " * 9], vocab_size
    )


def new_run(tokenizer, name, **arguments):
    """Returns a `Run` of a model with random weights, in which no bias is 0 and no gain is 1."""
    model = build_model(name, vocab_size=tokenizer.vocab_size, **arguments)
    generator = np.random.default_rng(3)
    for variable in model.trainable_variables:
        drawn = generator.normal(0, 0.2, variable.shape)
        variable.assign(1 + drawn if variable.path.endswith(("gamma", "scale")) else drawn)
    config = ExperimentConfig(model=ModelConfig(name, **arguments))
    return LanguageModelRun(None, language_modeling(config, tokenizer), model, 0)


def token_ids(run, length=12):
    return np.random.default_rng(4).integers(0, run.tokenizer.vocab_size, (3, length))


def largest_difference(run, ids, logits):
    return np.abs(run.model(ids).numpy() - logits).max()
