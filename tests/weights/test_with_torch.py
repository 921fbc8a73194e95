"""The real transformers and PyTorch compute what our models do, both ways (extra `torch`)."""

import contextlib
import os

import numpy as np
import pytest

from lm_zoo.weights.importing import import_run
from lm_zoo.weights.torch import pytorch
from lm_zoo.weights.transformers import hugging_face
from tests.conformance.models import TINY, VARIANTS
from tests.weights.material import (
    byte_pairs,
    characters,
    largest_difference,
    new_run,
    token_ids,
)

torch = pytest.importorskip("torch", reason="PyTorch is not installed; the extra `torch` has it")
transformers = pytest.importorskip("transformers")

MODERN = VARIANTS["transformer_decoder_modern"][1]
DECODERS = {
    "gpt2": {},
    "gpt2_without_biases": {"use_bias": False},
    "gpt2_untied": {"tie_embeddings": False, "feed_forward": "relu", "intermediate_dim": 48},
    "llama": MODERN,
    "llama_untied": MODERN | {"tie_embeddings": False, "use_bias": True, "rope_theta": 700.0},
}
RECURRENT = {
    "lstm": ("lstm_lm", {"tie_embeddings": False}),
    "lstm_tied": ("lstm_lm", {}),
    "gru": ("gru_lm", {}),
    "gru_projected": ("gru_lm", {"tie_embeddings": True}),
    "rnn": ("rnn_lm", {"activation": "relu"}),
}


@pytest.mark.parametrize("shard_bytes", [0, 20_000])
@pytest.mark.parametrize("name", DECODERS)
def test_transformers_computes_what_a_written_run_does_and_back(name, shard_bytes, tmp_path):
    arguments = VARIANTS["transformer_decoder"][1] | DECODERS[name]
    run = new_run(byte_pairs(), "transformer_decoder", **arguments)
    ids = token_ids(run, length=32)
    logits = run.model(ids).numpy()
    hugging_face.write(run, tmp_path / "to", shard_bytes)
    theirs, report = transformers.AutoModelForCausalLM.from_pretrained(
        tmp_path / "to", dtype=torch.float32, output_loading_info=True
    )
    assert type(theirs).__name__ in ("GPT2LMHeadModel", "LlamaForCausalLM")
    assert not any(report.values())  # nothing missing, nothing left over
    with torch.no_grad():
        computed = theirs.eval()(torch.tensor(ids)).logits.numpy()
    assert np.abs(computed - logits).max() < 1e-5

    greedy = theirs.generate(torch.tensor(ids[:1, :8]), max_new_tokens=8, do_sample=False)
    text = run.tokenizer.decode(greedy[0, 8:].tolist())
    prompt = run.tokenizer.decode(ids[0, :8])
    if list(run.tokenizer.encode(prompt)) == ids[0, :8].tolist():
        assert run.generate(prompt, max_new_tokens=8, temperature=0.0)[0].text == text

    theirs.save_pretrained(tmp_path / "back", max_shard_size="20KB" if shard_bytes else "1GB")
    back = import_run(tmp_path / "back", tmp_path / "run", tokenizer=run.tokenizer)
    assert largest_difference(back, ids, logits) < 1e-6


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_halves_that_transformers_saves_are_widened(dtype, tmp_path):
    config = transformers.GPT2Config(vocab_size=50, n_positions=16, n_embd=24, n_layer=2, n_head=3)
    model = transformers.GPT2LMHeadModel(config).to(getattr(torch, dtype))
    model.save_pretrained(tmp_path / "from")
    run = import_run(tmp_path / "from", tmp_path / "run", tokenizer=characters(50))
    ids = token_ids(run)
    with torch.no_grad():
        logits = model.float().eval()(torch.tensor(ids)).logits.numpy()
    assert largest_difference(run, ids, logits) < 1e-5


@pytest.mark.parametrize("name", RECURRENT)
def test_the_module_of_the_readme_computes_what_a_written_run_does_and_back(name, tmp_path):
    safetensors_torch = pytest.importorskip("safetensors.torch")
    model_name, changes = RECURRENT[name]
    run = new_run(characters(40), model_name, **TINY[model_name] | changes)
    pytorch.write(run, tmp_path / "to")
    scope = {}
    code = (tmp_path / "to" / "README.md").read_text().split("```python\n")[1].split("```")[0]
    with contextlib.chdir(tmp_path / "to"):
        exec(code, scope)
    ids = token_ids(run)
    with torch.no_grad():
        computed = scope["model"](torch.tensor(ids))[0].numpy()
    assert np.abs(computed - run.model(ids).numpy()).max() < 1e-5

    theirs = scope["LanguageModel"]()
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter, std=0.15)
    if run.model.tie_embeddings:
        theirs.decoder.weight = theirs.encoder.weight
    os.mkdir(tmp_path / "from")
    safetensors_torch.save_model(theirs, tmp_path / "from" / "model.safetensors")
    if model_name == "rnn_lm":  # tanh or relu does not show in the weights
        os.link(tmp_path / "to" / "config.json", tmp_path / "from" / "config.json")
    with torch.no_grad():
        logits = theirs(torch.tensor(ids))[0].numpy()
    back = import_run(tmp_path / "from", tmp_path / "run", tokenizer=run.tokenizer)
    assert largest_difference(back, ids, logits) < 1e-5
