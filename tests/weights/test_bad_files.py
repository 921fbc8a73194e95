"""A file that is not what it says is refused in one line, and no run is left of it."""

import json
import pickle
import resource
import shutil

import h5py
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import lm_zoo
from lm_zoo.cli import main as cli
from lm_zoo.runs.run_folder import RunFolder
from lm_zoo.weights.importing import import_run
from lm_zoo.weights.keras import keras_hub
from lm_zoo.weights.transformers import hugging_face
from tests.conformance.models import VARIANTS
from tests.weights.material import (
    GPT2,
    LLAMA,
    byte_pairs,
    characters,
    new_run,
    recurrent_reference,
    reference,
    write_folder,
)

WPE = "transformer.wpe.weight"
QUERY = "model.layers.1.self_attn.q_proj.weight"


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Good folders to damage copies of."""
    root = tmp_path_factory.mktemp("sources")
    for name, config in (("gpt2", GPT2), ("llama", LLAMA)):
        write_folder(root / name, config, reference(name)[0])
    write_folder(root / "lstm", None, recurrent_reference("LSTM")[0])
    run = new_run(byte_pairs(), "transformer_decoder", **VARIANTS["transformer_decoder"][1])
    keras_hub.write(run, root / "keras_hub")
    hugging_face.write(run, root / "sharded", shard_bytes=40_000)
    return root


def refusal(folder, tmp_path, tokenizer):
    """Imports a folder that must be refused; returns the message."""
    with pytest.raises(lm_zoo.UserError) as caught:
        import_run(folder, tmp_path / "run", tokenizer=tokenizer)
    assert not (tmp_path / "run").exists()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def changed_tensors(folder, change):
    path = folder / "model.safetensors"
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)


@pytest.mark.parametrize(
    "name, change, expected",
    [
        ("gpt2", lambda t: t.pop(WPE), [repr(WPE), "(16, 24)", "found none"]),
        (
            "gpt2",
            lambda t: t.update({WPE: np.zeros((15, 24), "f4")}),
            [repr(WPE), "expected shape (16, 24)", "received (15, 24)"],
        ),
        (
            "gpt2",
            lambda t: t.update({"score.weight": np.zeros((2, 24), "f4")}),
            ["unexpected tensor 'score.weight'", "(2, 24)"],
        ),
        (
            "gpt2",
            lambda t: t.update({"lm_head.weight": np.zeros((61, 24), "f4")}),
            ["'lm_head.weight'", "tie_word_embeddings"],
        ),
        (
            "gpt2",
            lambda t: t.update({"lm_head.weight": np.zeros((3, 2), "f4")}),
            ["'lm_head.weight'", "(3, 2)", "(61, 24)"],
        ),
        (
            "gpt2",
            lambda t: t.update({WPE: np.full((16, 24), np.nan, "f4")}),
            [repr(WPE), "(16, 24)", "NaN"],
        ),
        ("gpt2", lambda t: t.update({WPE: np.zeros((16, 24), "i1")}), [repr(WPE), "I8", "F32"]),
        ("llama", lambda t: t.pop(QUERY), [repr(QUERY), "(24, 24)"]),
        (
            "llama",
            lambda t: t.update({QUERY: t[QUERY].T[:8].copy()}),
            [repr(QUERY), "expected shape (24, 24)", "received (8, 24)"],
        ),
        ("lstm", lambda t: t.pop("rnn.bias_hh_l1"), ["'rnn.bias_hh_l1'", "(40,)"]),
        ("lstm", lambda t: t.pop("decoder.bias"), ["output layer with a bias"]),
        (
            "lstm",
            lambda t: t.pop("encoder.weight"),
            ["'decoder.weight'", "expected shape (31, 6)", "received (31, 10)"],
        ),
        (
            "lstm",
            lambda t: t.update({"rnn.weight_ih_l0_reverse": np.zeros((40, 6), "f4")}),
            ["unexpected tensor 'rnn.weight_ih_l0_reverse'"],
        ),
        (
            "lstm",
            lambda t: t.update({"rnn.weight_hh_l0": np.zeros((40, 7), "f4")}),
            ["'rnn.weight_hh_l0'", "(40, 7)", "proj_size"],
        ),
        (
            "lstm",
            lambda t: t.update({"other.weight_ih_l0": np.zeros((40, 6), "f4")}),
            ["one nn.LSTM", "found 2"],
        ),
    ],
)
def test_tensors_that_are_not_the_models(name, change, expected, sources, tmp_path):
    folder = shutil.copytree(sources / name, tmp_path / name)
    changed_tensors(folder, change)
    message = refusal(folder, tmp_path, characters(31 if name == "lstm" else 61))
    for part in expected:
        assert part in message


@pytest.mark.parametrize(
    "name, change, expected",
    [
        ("gpt2", {"activation_function": "silu"}, "activation_function: expected gelu_new or"),
        ("gpt2", {"scale_attn_weights": 2}, "scale_attn_weights: expected true or false"),
        ("gpt2", {"layer_norm_epsilon": 0}, "norm_epsilon: expected a number above 0"),
        ("gpt2", {"add_cross_attention": True}, "add_cross_attention"),
        ("gpt2", {"quantization_config": {"bits": 4}}, "quantization_config: expected null"),
        ("gpt2", {"n_layer": 10**12}, "'transformer.h.2.ln_1.weight'"),
        ("gpt2", {"n_embd": 10**12}, "expected shape (61, 1000000000000)"),
        ("gpt2", {"n_layer": "2"}, "n_layer: expected a whole number of at least 1"),
        ("gpt2", {"n_head": 0}, "n_head: expected a whole number"),
        ("gpt2", {"n_head": 5}, "num_heads: expected a divisor of hidden_dim (24)"),
        ("gpt2", {"resid_pdrop": float("nan")}, "resid_pdrop: expected a number"),
        ("gpt2", {"tie_word_embeddings": "yes"}, "tie_word_embeddings: expected true or false"),
        ("gpt2", {"tie_word_embeddings": False}, "'lm_head.weight'"),
        ("gpt2", {"model_type": "gpt_neo"}, "model_type: expected 'gpt2' or 'llama'"),
        ("gpt2", {"model_type": 3}, "model_type: expected 'gpt2' or 'llama'"),
        ("llama", {"hidden_act": "gelu"}, "hidden_act"),
        ("llama", {"head_dim": 8}, "head_dim: expected 4"),
        ("llama", {"mlp_bias": True}, "'model.layers.0.mlp.gate_proj.bias'"),
        ("llama", {"rope_parameters": {"partial_rotary_factor": 0.5}}, "partial_rotary_factor"),
        ("llama", {"rope_parameters": {"rope_theta": -1}}, "rope_theta: expected a number above 0"),
        ("llama", {"rope_parameters": [1]}, "rope_parameters: expected a mapping"),
    ],
)
def test_configs_of_what_our_model_does_not_compute(name, change, expected, sources, tmp_path):
    folder = shutil.copytree(sources / name, tmp_path / name)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | change))
    message = refusal(folder, tmp_path, characters(61))
    assert expected in message
    if "model_type" not in change and not expected.startswith(("num_heads", "norm_epsilon")):
        assert str(folder) in message


def _truncate(path):
    path.write_bytes(path.read_bytes()[:-7])


@pytest.mark.parametrize(
    "change, expected",
    [
        (lambda f: _truncate(f / "model.safetensors"), "not fully covered"),
        (lambda f: (f / "model.safetensors").write_bytes(b""), "header too small"),
        (lambda f: (f / "model.safetensors").write_bytes(pickle.dumps([1] * 99)), "safetensors"),
        (
            lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"),
            "found pytorch_model.bin, a pickle",
        ),
        (lambda f: (f / "model.safetensors").unlink(), "expected model.safetensors or"),
        (lambda f: (f / "config.json").write_text("{"), "is not JSON"),
        (lambda f: (f / "config.json").write_text("[" * 10**5), "nested more than 100 deep"),
        (lambda f: (f / "config.json").write_text("[]"), "expected an object"),
        (lambda f: (f / "config.json").write_bytes(b"\xff\xfe{"), "is not UTF-8"),
        (lambda f: (f / "config.json").unlink(), "neither a config.json"),
    ],
)
def test_files_that_are_damaged_or_missing(change, expected, sources, tmp_path):
    folder = shutil.copytree(sources / "gpt2", tmp_path / "gpt2")
    change(folder)
    assert expected in refusal(folder, tmp_path, characters(61))


@pytest.mark.parametrize(
    "change, expected",
    [
        (lambda m, shard: {"weight_map": {WPE: "../secret.safetensors"}}, "next to the index"),
        (lambda m, shard: {"weight_map": {WPE: "/etc/passwd"}}, "next to the index"),
        (lambda m, shard: {"weight_map": {WPE: "config.json"}}, "next to the index"),
        (lambda m, shard: {"weight_map": {WPE: None}}, "next to the index"),
        (lambda m, shard: {"weight_map": {}}, "expected a weight_map"),
        (lambda m, shard: {"weight_map": m | {"x": "no.safetensors"}}, "no.safetensors is missing"),
        (lambda m, shard: {"weight_map": m | {"x": shard}}, "tensor 'x' is in model.safetensors."),
        (
            lambda m, shard: {"weight_map": {k: v for k, v in m.items() if k != WPE}},
            f"tensor {WPE!r} is only in the file",
        ),
    ],
)
def test_an_index_that_is_not_that_of_the_files(change, expected, sources, tmp_path):
    folder = shutil.copytree(sources / "sharded", tmp_path / "sharded")
    index = folder / "model.safetensors.index.json"
    weight_map = json.loads(index.read_text())["weight_map"]
    index.write_text(json.dumps(change(weight_map, weight_map[WPE])))
    assert expected in refusal(folder, tmp_path, None)


def _as_theirs(folder, **changes):
    """Takes our tokenizer away and changes the settings of keras-hub's."""
    (folder / "lm_zoo_tokenizer.json").unlink()
    path = folder / "tokenizer.json"
    values = json.loads(path.read_text())
    values["config"] |= changes
    path.write_text(json.dumps(values))


def _relinked(folder):
    """Puts a link out of the file where an array was."""
    with h5py.File(folder / "model.weights.h5", "a") as file:
        place = "layers/position_embedding/vars/0"
        del file[place]
        file[place] = h5py.ExternalLink("/etc/passwd", "/")


@pytest.mark.parametrize(
    "change, expected",
    [
        (lambda f: _truncate(f / "model.weights.h5"), "damaged one"),
        (lambda f: (f / "model.weights.h5").unlink(), "expected a file model.weights.h5"),
        (lambda f: (f / "model.weights.h5").write_bytes(b"no"), "damaged one"),
        (_relinked, "'layers/position_embedding/vars/0' of shape (32, 32), found none"),
        (
            lambda f: (f / "config.json").write_text('{"class_name": "LlamaBackbone"}'),
            "expected 'GPT2Backbone', received 'LlamaBackbone'",
        ),
        (
            lambda f: (f / "config.json").write_text('{"class_name": "GPT2Backbone"}'),
            "expected a mapping config",
        ),
        (
            lambda f: _as_theirs(f, add_prefix_space=True),
            "add_prefix_space: expected false",
        ),
        (
            lambda f: (f / "config.json").write_text(
                (f / "config.json").read_text().replace('"num_heads": 4', '"num_heads": 8')
            ),
            "expected shape (32, 8, 4), received (32, 4, 8)",
        ),
    ],
)
def test_presets_that_are_not_what_they_say(change, expected, sources, tmp_path):
    folder = shutil.copytree(sources / "keras_hub", tmp_path / "preset")
    change(folder)
    assert expected in refusal(folder, tmp_path, None)


def test_the_tokenizer_must_be_the_models(sources, tmp_path):
    assert "expected one with 61 tokens: give it with --tokenizer" in refusal(
        sources / "gpt2", tmp_path, None
    )
    message = refusal(sources / "gpt2", tmp_path, characters(40))
    assert (
        "expected 61 tokens, as the weights have, received a character tokenizer of 40" in message
    )


def test_a_workdir_that_is_used_stays_as_it_is(sources, tmp_path):
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "mine.txt").write_text("mine")
    with pytest.raises(lm_zoo.UserError, match="not empty"):
        import_run(sources / "gpt2", tmp_path / "used", tokenizer=characters(61))
    assert [path.name for path in (tmp_path / "used").iterdir()] == ["mine.txt"]
    run = import_run(sources / "gpt2", tmp_path / "run", tokenizer=characters(61))
    with pytest.raises(lm_zoo.UserError, match="already holds a run"):
        import_run(sources / "gpt2", run.folder.path, tokenizer=characters(61))


def test_an_import_that_was_killed_is_begun_anew(sources, tmp_path):
    run = import_run(sources / "gpt2", tmp_path / "run", tokenizer=characters(61))
    shutil.rmtree(run.folder.checkpoints)  # it is written last
    import_run(sources / "gpt2", tmp_path / "run", tokenizer=characters(61))
    assert lm_zoo.load(tmp_path / "run").step == 0


def test_a_workdir_that_cannot_be_written(sources, tmp_path):
    (tmp_path / "file").write_text("mine")
    for place, message in (("file", "is a file"), ("file/run", "workdir: could not write into")):
        with pytest.raises(lm_zoo.UserError, match=message):
            import_run(sources / "gpt2", tmp_path / place, tokenizer=characters(61))


def test_of_two_imports_at_once_the_second_harms_nothing(sources, tmp_path):
    folder = RunFolder(tmp_path / "run")
    with folder.locked(), pytest.raises(lm_zoo.UserError, match="another process"):
        import_run(sources / "gpt2", folder.path, tokenizer=characters(61))
    assert folder.path.is_dir()


def test_a_disk_that_is_full_leaves_nothing(sources, tmp_path, monkeypatch):
    def full(*arguments):
        raise lm_zoo.UserError("cannot write: no space left on device")

    monkeypatch.setattr("lm_zoo.runs.run_writing.checkpoints.save", full)
    assert "no space" in refusal(sources / "gpt2", tmp_path, characters(61))
    (tmp_path / "empty").mkdir()
    with pytest.raises(lm_zoo.UserError, match="no space"):
        import_run(sources / "gpt2", tmp_path / "empty", tokenizer=characters(61))
    assert not list((tmp_path / "empty").iterdir())


@pytest.mark.parametrize("form", [hugging_face, keras_hub])
def test_weights_that_the_disk_has_no_room_for(form, tmp_path):
    run = new_run(characters(40), "transformer_decoder", **VARIANTS["transformer_decoder"][1])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises((OSError, lm_zoo.UserError), match="File too large"):
            form.write(run, tmp_path / "to")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(
    "flags, expected",
    [
        (["--from=nowhere"], "expected a folder, received 'nowhere'"),
        (["--from={source}", "--format=onnx"], "received 'onnx'"),
        (["--from={source}", "--tokenizer=nowhere"], "no file or folder 'nowhere'"),
        (["--from={source}", "more"], "unexpected argument 'more'"),
        ([], "--from is required"),
    ],
)
def test_the_command_says_what_is_wrong_in_one_line(flags, expected, sources, tmp_path, capsys):
    flags = [flag.format(source=sources / "gpt2") for flag in flags]
    assert cli.main(["import", f"--workdir={tmp_path / 'run'}", *flags]) == 2
    error = capsys.readouterr().err
    assert expected in error and error.count("\n") == 1
    assert not (tmp_path / "run").exists()
