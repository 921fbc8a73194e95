"""PyTorch's state dicts become runs that compute the same, and runs become such state dicts."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file

import lm_zoo
from lm_zoo.weights.importing import import_run
from lm_zoo.weights.torch import pytorch
from tests.conformance.models import TINY, VARIANTS
from tests.weights.material import (
    characters,
    largest_difference,
    new_run,
    recurrent_reference,
    token_ids,
    write_folder,
)

MODELS = {"LSTM": "lstm_lm", "GRU": "gru_lm", "RNN": "rnn_lm"}


def imported(folder, workdir, tokenizer=None):
    return import_run(folder, workdir, tokenizer=tokenizer)


@pytest.mark.parametrize("kind", MODELS)
def test_an_imported_model_gives_the_logits_of_pytorch(kind, tmp_path):
    tensors, ids, logits = recurrent_reference(kind)
    folder = write_folder(tmp_path / "from", None, tensors)
    run = imported(folder, tmp_path / "run", characters(31))
    assert run.config.model.name == MODELS[kind]
    assert largest_difference(run, ids, logits) < 1e-5
    assert len(run.generate("a", max_new_tokens=2, temperature=0.0)[0].token_ids) == 2


@pytest.mark.parametrize("kind", MODELS)
def test_what_is_written_is_what_was_read_but_for_the_sum_of_the_biases(kind, tmp_path):
    tensors, *_ = recurrent_reference(kind)
    tensors = {name: value.astype(np.float32) for name, value in tensors.items()}
    folder = write_folder(tmp_path / "from", None, tensors)
    run = imported(folder, tmp_path / "run", characters(31))
    pytorch.write(run, tmp_path / "back")
    back = load_file(tmp_path / "back" / "model.safetensors")
    assert back.keys() == tensors.keys()
    for name, value in tensors.items():
        other = name.replace("bias_ih", "bias_hh")
        if kind == "GRU" or "rnn.bias" not in name:
            np.testing.assert_array_equal(back[name], value)
        elif name != other:
            np.testing.assert_array_equal(back[name] + back[other], value + tensors[other])


@pytest.mark.parametrize(
    "name, changes",
    [
        ("lstm_lm", {}),  # tied
        ("gru_lm", {"tie_embeddings": True}),  # tied through a projection
        ("rnn_lm", {"activation": "relu"}),
    ],
)
def test_a_run_that_was_written_and_read_computes_the_same(name, changes, tmp_path):
    run = new_run(characters(40), name, **TINY[name] | changes)
    pytorch.write(run, tmp_path / "to", shard_bytes=3000)
    assert (tmp_path / "to" / "model.safetensors.index.json").is_file()
    back = imported(tmp_path / "to", tmp_path / "run")
    assert back.model.tie_embeddings == run.model.tie_embeddings
    ids = token_ids(run)
    assert largest_difference(back, ids, run.model(ids).numpy()) < 1e-6
    assert back.tokenizer.fingerprint == run.tokenizer.fingerprint


def test_names_are_found_by_what_the_tensors_are(tmp_path):
    tensors, ids, logits = recurrent_reference("LSTM")
    renamed = {
        name.replace("encoder", "model.words").replace("decoder", "model.to_words"): value
        for name, value in tensors.items()
    }
    renamed = {name.replace("rnn.", "model.lstm."): value for name, value in renamed.items()}
    folder = write_folder(tmp_path / "from", None, renamed)
    run = imported(folder, tmp_path / "run", characters(31))
    assert largest_difference(run, ids, logits) < 1e-5


def test_a_tied_table_may_be_there_under_one_name_or_under_two(tmp_path):
    run = new_run(characters(40), "lstm_lm", **TINY["lstm_lm"])
    pytorch.write(run, tmp_path / "two")
    tensors = load_file(tmp_path / "two" / "model.safetensors")
    np.testing.assert_array_equal(tensors["encoder.weight"], tensors["decoder.weight"])
    for name in ("encoder.weight", "decoder.weight"):
        once = {key: value for key, value in tensors.items() if key != name}
        folder = write_folder(tmp_path / name, None, once)
        back = imported(folder, tmp_path / f"run_{name}", characters(40))
        assert back.model.tie_embeddings
        np.testing.assert_array_equal(back.model.variables[0], run.model.variables[0])


def test_the_settings_are_written_beside_the_weights(tmp_path):
    run = new_run(characters(40), "rnn_lm", **TINY["rnn_lm"])
    pytorch.write(run, tmp_path / "to")
    settings = json.loads((tmp_path / "to" / "config.json").read_text())
    assert settings["model"] == "RNN" and settings["nonlinearity"] == "tanh"


def test_a_transformer_is_refused(tmp_path):
    name, arguments = VARIANTS["transformer_decoder"]
    with pytest.raises(lm_zoo.UserError, match="--format=hugging_face"):
        pytorch.write(new_run(characters(40), name, **arguments), tmp_path / "to")
