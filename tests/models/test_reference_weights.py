"""The decoder computes what other libraries compute with the same weights."""

import pathlib

import numpy as np
import pytest

from lm_zoo.registry import build_model

FIXTURES = pathlib.Path(__file__).resolve().parents[1] / "fixtures"


def load(model, values):
    """Assigns `{path after the model's name: array}`; every variable must be given once."""
    variables = {v.path.split("/", 1)[1]: v for v in model.trainable_variables}
    assert variables.keys() == values.keys()
    for path, value in values.items():
        variables[path].assign(value)


def gpt2_values(weights, num_layers, prefix=""):
    values = {
        "token_embedding/embeddings": weights[f"{prefix}wte.weight"],
        "position_embedding/embeddings": weights[f"{prefix}wpe.weight"],
        "final_norm/gamma": weights[f"{prefix}ln_f.weight"],
        "final_norm/beta": weights[f"{prefix}ln_f.bias"],
    }
    parts = {
        "attention_norm": ("ln_1", "gamma", "beta"),
        "attention/query_key_value": ("attn.c_attn", "kernel", "bias"),
        "attention/output_projection": ("attn.c_proj", "kernel", "bias"),
        "mlp_norm": ("ln_2", "gamma", "beta"),
        "mlp/inner": ("mlp.c_fc", "kernel", "bias"),
        "mlp/outer": ("mlp.c_proj", "kernel", "bias"),
    }
    for index in range(num_layers):
        for ours, (theirs, weight, bias) in parts.items():
            name = f"{prefix}h.{index}.{theirs}"
            values[f"block_{index}/{ours}/{weight}"] = weights[f"{name}.weight"]
            values[f"block_{index}/{ours}/{bias}"] = weights[f"{name}.bias"]
    return values


def llama_values(weights, num_layers):
    values = {
        "token_embedding/embeddings": weights["model.embed_tokens.weight"],
        "final_norm/scale": weights["model.norm.weight"],
        "output_projection/kernel": weights["lm_head.weight"],
    }
    for index in range(num_layers):

        def transposed(*names, index=index):
            matrices = [weights[f"model.layers.{index}.{name}.weight"].T for name in names]
            return np.concatenate(matrices, 1)

        norms = f"model.layers.{index}"
        values |= {
            f"block_{index}/attention_norm/scale": weights[f"{norms}.input_layernorm.weight"],
            f"block_{index}/attention/query_key_value/kernel": transposed(
                "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"
            ),
            f"block_{index}/attention/output_projection/kernel": transposed("self_attn.o_proj"),
            f"block_{index}/mlp_norm/scale": weights[f"{norms}.post_attention_layernorm.weight"],
            f"block_{index}/mlp/inner/kernel": transposed("mlp.gate_proj", "mlp.up_proj"),
            f"block_{index}/mlp/outer/kernel": transposed("mlp.down_proj"),
        }
    return values


def in_chunks(model, token_ids):
    """The logits by `forward`, in chunks of 1, 4 and the rest."""
    state, logits = model.initial_state(len(token_ids)), []
    for begin, end in ((0, 1), (1, 5), (5, token_ids.shape[1])):
        piece, state = model.forward(token_ids[:, begin:end], state)
        logits.append(piece.numpy())
    return np.concatenate(logits, 1)


def assert_equal_logits(model, token_ids, expected):
    for received in (model(token_ids).numpy(), in_chunks(model, token_ids)):
        assert np.abs(received - expected).max() < 1e-5


@pytest.fixture(scope="module")
def gpt2():
    reference = np.load(FIXTURES / "gpt2_reference.npz")
    model = build_model(
        "transformer_decoder",
        vocab_size=61,
        hidden_dim=24,
        num_layers=2,
        num_heads=3,
        context_length=16,
    )
    load(model, gpt2_values(reference, 2, "transformer."))
    return model, reference


def test_gpt2_with_random_biases_and_gains_gives_the_logits_of_transformers(gpt2):
    model, reference = gpt2
    assert_equal_logits(model, reference["token_ids"], reference["logits"])


def test_every_weight_of_gpt2_is_seen_by_the_fixture(gpt2):
    """A fixture that did not react to some weight could not tell a wrong one."""
    model, reference = gpt2
    for variable in model.trainable_variables:
        kept = variable.numpy()
        changed = kept.copy().ravel()
        changed[len(changed) // 3 :: 5] += 0.1
        variable.assign(changed.reshape(kept.shape))
        difference = np.abs(model(reference["token_ids"]) - reference["logits"]).max()
        variable.assign(kept)
        assert difference > 1e-3, variable.path


def test_llama_gives_the_logits_of_transformers():
    reference = np.load(FIXTURES / "llama_reference.npz")
    model = build_model(
        "transformer_decoder",
        vocab_size=61,
        hidden_dim=24,
        num_layers=2,
        num_heads=6,
        num_kv_heads=2,
        intermediate_dim=40,
        context_length=16,
        position="rope",
        normalization="rms_norm",
        feed_forward="swiglu",
        use_bias=False,
        tie_embeddings=False,
    )
    load(model, llama_values(reference, 2))
    assert_equal_logits(model, reference["token_ids"], reference["logits"])


def test_the_published_tiny_gpt2_gives_the_logits_of_onnxruntime(shared_data):
    folder = shared_data("tiny_random_gpt2")
    weights = np.load(folder / "tiny_random_gpt2_weights.npz")
    expected = np.load(folder / "tiny_random_gpt2_expected_logits.npz")
    model = build_model(
        "transformer_decoder",
        vocab_size=1000,
        hidden_dim=32,
        num_layers=5,
        num_heads=4,
        context_length=512,
    )
    load(model, gpt2_values(weights, 5))
    assert model.num_parameters == 111_968
    assert_equal_logits(model, expected["input_ids"], expected["logits"])
