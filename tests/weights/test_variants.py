"""Other configs of transformers' GPT-2 and Llama compute here what they compute there, and back."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import lm_zoo
from lm_zoo.weights.importing import import_run
from lm_zoo.weights.transformers import hugging_face
from tests.weights.material import FIXTURES, byte_pairs, characters, largest_difference

ARRAYS = dict(np.load(FIXTURES / "variants_reference.npz"))
VARIANTS = json.loads(str(ARRAYS["variants"]))


def folder_of(name, folder, changes=(), left_out=()):
    """Writes a variant as transformers does; returns its folder, token ids and logits."""
    architecture = name.split("/")[0]
    config = json.loads(str(ARRAYS[f"{architecture}_config"]))
    config |= VARIANTS[name] | dict(changes)
    prefix = f"{architecture}_weights/"
    tensors = {n.removeprefix(prefix): a for n, a in ARRAYS.items() if n.startswith(prefix)}
    for part, field in ((".self_attn.", "attention_bias"), (".mlp.", "mlp_bias")):
        if architecture == "llama" and not config.get(field):
            tensors = {n: a for n, a in tensors.items() if not (part in n and "bias" in n)}
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    kept = {n: a.astype(np.float32) for n, a in tensors.items() if n not in left_out}
    save_file(kept, folder / "model.safetensors")
    return folder, ARRAYS[f"{architecture}_token_ids"], ARRAYS[f"logits/{name}"]


def imported(folder, workdir, tokenizer=None):
    return import_run(folder, workdir, tokenizer=tokenizer or characters(29))


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_computes_what_transformers_does_there_and_back(name, tmp_path):
    folder, ids, logits = folder_of(name, tmp_path / "from")
    run = imported(folder, tmp_path / "run")
    assert largest_difference(run, ids, logits) < 1e-5
    hugging_face.write(run, tmp_path / "to")
    before, after = (load_file(f / "model.safetensors") for f in (folder, tmp_path / "to"))
    assert before.keys() == after.keys()
    for key, value in before.items():
        np.testing.assert_array_equal(after[key], value)
    written = json.loads((tmp_path / "to" / "config.json").read_text())
    for key, value in json.loads((folder / "config.json").read_text()).items():
        if key == "rope_parameters":
            assert value.items() <= written[key].items()
        else:
            assert written[key] == value
    back = imported(tmp_path / "to", tmp_path / "again")
    np.testing.assert_array_equal(back.model(ids), run.model(ids))


def test_the_variants_differ_from_each_other():
    for architecture in ("gpt2", "llama"):
        plain = ARRAYS[f"logits/{architecture}/plain"]
        for name in VARIANTS:
            if name.startswith(architecture) and not name.endswith("plain"):
                assert np.abs(ARRAYS[f"logits/{name}"] - plain).max() > 3e-4, name


@pytest.mark.parametrize("name", ["llama/llama3", "llama/yarn", "gpt2/by_layer"])
def test_a_token_at_a_time_gives_the_same(name, tmp_path):
    folder, ids, logits = folder_of(name, tmp_path / "from")
    model = imported(folder, tmp_path / "run").model
    state = model.initial_state(len(ids))
    for place in range(12):
        step, state = model.forward(ids[:, place : place + 1], state)
        assert np.abs(step[:, 0] - logits[:, place]).max() < 1e-5


@pytest.mark.parametrize(
    "rope, equal_to",
    [
        ({"rope_scaling": {"type": "linear", "factor": 3.0}}, "llama/linear"),
        ({"rope_scaling": {"rope_type": "linear", "factor": 3, "rope_theta": 1e4}}, "llama/linear"),
        (
            {
                "rope_theta": 100.0,
                "rope_parameters": None,
                "rope_scaling": {"type": "yarn", "factor": 4.0, "finetuned": True},
            },
            "llama/yarn",  # the original length is then max_position_embeddings
        ),
        ({"head_dim": None, "rope_scaling": None, "attention_bias": None}, "llama/plain"),
    ],
)
def test_older_ways_to_say_it_are_read(rope, equal_to, tmp_path):
    folder, ids, _ = folder_of("llama/plain", tmp_path / "from", rope)
    run = imported(folder, tmp_path / "run")
    assert largest_difference(run, ids, ARRAYS[f"logits/{equal_to}"]) < 1e-5


@pytest.mark.parametrize(
    "rope, expected",
    [
        ({"rope_type": "dynamic", "factor": 2.0}, "rope_type: expected default, linear"),
        ({"rope_type": "longrope"}, "rope_type: expected default, linear"),
        ({"rope_type": "linear"}, "rope_scaling.factor: expected a number above 0"),
        ({"rope_type": "linear", "factor": "2"}, "rope_scaling.factor: expected a number above 0"),
        ({"rope_type": "llama3", "factor": 8.0}, "rope_scaling.high_freq_factor: expected"),
        ({"rope_type": "yarn", "factor": 2.0, "speed": 3}, "speed: expected no such field"),
        ({"rope_type": "yarn", "factor": 2.0, "truncate": 3}, "rope_scaling.truncate"),
        ({"rope_type": "yarn", "factor": 2.0, "beta_fast": -3}, "rope_scaling.beta_fast"),
    ],
)
def test_positions_that_are_not_known_are_refused_by_name(rope, expected, tmp_path):
    folder, *_ = folder_of("llama/plain", tmp_path / "from", {"rope_parameters": rope})
    with pytest.raises(lm_zoo.UserError, match=expected) as caught:
        imported(folder, tmp_path / "run")
    assert str(folder) in str(caught.value) and not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["gpt2/plain", "llama/plain"])
@pytest.mark.parametrize("bare", [False, True])
def test_a_tied_table_may_be_there_under_the_heads_name_alone(name, bare, tmp_path):
    table = "transformer.wte.weight" if "gpt2" in name else "model.embed_tokens.weight"
    tied = {"tie_word_embeddings": True}
    folder, ids, _ = folder_of(name, tmp_path / "table", tied, ["lm_head.weight"])
    run = imported(folder, tmp_path / "run")
    tensors = load_file(folder / "model.safetensors")
    tensors["lm_head.weight"] = tensors.pop(table)
    if bare:
        prefix = table.split(".")[0] + "."
        tensors = {n.removeprefix(prefix): a for n, a in tensors.items()}
    save_file(tensors, folder / "model.safetensors")
    again = imported(folder, tmp_path / "again")
    np.testing.assert_array_equal(again.model(ids), run.model(ids))
    hugging_face.write(again, tmp_path / "to")
    assert table in load_file(tmp_path / "to" / "model.safetensors")


def test_attention_biases_alone_are_zeros_to_gpt2(tmp_path):
    from tests.weights.material import new_run, token_ids

    sizes = dict(hidden_dim=16, num_layers=2, num_heads=2, context_length=16)
    biases = dict(use_bias=False, attention_bias=True)
    run = new_run(byte_pairs(), "transformer_decoder", **sizes, **biases)
    hugging_face.write(run, tmp_path / "to")
    back = import_run(tmp_path / "to", tmp_path / "run")
    ids = token_ids(run)
    assert largest_difference(back, ids, run.model(ids).numpy()) < 1e-6
