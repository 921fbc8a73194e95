"""Llama as transformers writes it: `config.json` of type `llama`, and its tensors."""

import re

from lm_zoo.weights.tensor_mapping import (
    HEAD,
    end_to_end,
    has_bias,
    num_rows,
    same,
    side_by_side,
)
from lm_zoo.weights.transformers.llama_rope import read_rope, write_rope

MODEL_TYPE = "llama"
ARCHITECTURE = "LlamaForCausalLM"
DEFAULT_BOS = 1  # where config.json says nothing
TABLE = "embed_tokens.weight"
PREFIX = "model."  # before the names of all but the head, unless one of these is there
BARE = {TABLE, "norm.weight"}

BUFFERS = re.compile(r"(model\.)?layers\.\d+\.self_attn\.rotary_emb\.inv_freq")  # of old files


def read_config(fields):
    """Returns our constructor's arguments; `fields` are those of `config.json`.

    Raises:
        UserError: Naming a field whose value our model cannot compute.
    """
    fields.require("hidden_act", "silu", default="silu")
    hidden_dim = fields.size("hidden_size", 4096)
    num_heads = fields.size("num_attention_heads", 32)
    if hidden_dim % num_heads == 0:  # else our model says so
        fields.require("head_dim", hidden_dim // num_heads, default=hidden_dim // num_heads)
    theta, scaling = read_rope(fields)
    attention_bias = fields.flag("attention_bias", False)
    mlp_bias = fields.flag("mlp_bias", False)
    return {
        "vocab_size": fields.size("vocab_size", 32000),
        "hidden_dim": hidden_dim,
        "num_layers": fields.size("num_hidden_layers", 32),
        "num_heads": num_heads,
        "num_kv_heads": fields.size("num_key_value_heads", num_heads),
        "intermediate_dim": fields.size("intermediate_size", 11008),
        "context_length": fields.size("max_position_embeddings", 2048),
        "position": "rope",
        "rope_theta": theta,
        **({} if scaling is None else {"rope_scaling": scaling}),
        "normalization": "rms_norm",
        "norm_epsilon": fields.number("rms_norm_eps", 1e-6),
        "feed_forward": "swiglu",
        "use_bias": attention_bias and mlp_bias,
        **({} if attention_bias == mlp_bias else {"attention_bias": attention_bias}),
        **({} if attention_bias == mlp_bias else {"mlp_bias": mlp_bias}),
        "tie_embeddings": fields.flag("tie_word_embeddings", False),
    }


def write_config(model):
    """Returns what `config.json` says of a model, its tokens apart."""
    biases = {name: getattr(model, name) for name in ("use_bias", "attention_bias", "mlp_bias")}
    return {
        "hidden_size": model.hidden_dim,
        "num_hidden_layers": model.num_layers,
        "num_attention_heads": model.num_heads,
        "num_key_value_heads": model.num_kv_heads or model.num_heads,
        "head_dim": model.head_dim,
        "intermediate_size": model.blocks[0].intermediate_dim,
        "max_position_embeddings": model.context_length,
        "hidden_act": "silu",
        "rms_norm_eps": model.norm_epsilon,
        **write_rope(model),
        "attention_bias": has_bias(biases, "attention_bias"),
        "mlp_bias": has_bias(biases, "mlp_bias"),
    }


def held_by(model):
    """Returns argument -> the values that Llama has a place for, of a model like this."""
    return {
        "position": ("rope",),
        "normalization": ("rms_norm",),
        "feed_forward": ("swiglu",),
        "scale_attention": (True,),
        "scale_attention_by_layer": (False,),
    }


def tensor_mappings(arguments, prefix=PREFIX, table=""):
    """Yields the `TensorMapping`s of a model.

    Args:
        arguments: Of our constructor.
        prefix: Before the names of all but the head; files of a bare LlamaModel have none.
        table: The name of the embedding, where it is another than usual.
    """
    width, inner = arguments["hidden_dim"], arguments["intermediate_dim"]
    kv_heads = arguments["num_kv_heads"] or arguments["num_heads"]
    kv_width = width // arguments["num_heads"] * kv_heads
    shape = (num_rows(arguments), width)
    yield same("token_embedding/embeddings", table or prefix + TABLE, shape)
    for index in range(arguments["num_layers"]):
        ours, theirs = f"block_{index}", f"{prefix}layers.{index}"
        for norm, name in (
            ("attention_norm", "input_layernorm"),
            ("mlp_norm", "post_attention_layernorm"),
        ):
            yield same(f"{ours}/{norm}/scale", f"{theirs}.{name}.weight", (width,))
        for product, outputs, inputs in (
            (
                "attention/query_key_value",
                {
                    "self_attn.q_proj": width,
                    "self_attn.k_proj": kv_width,
                    "self_attn.v_proj": kv_width,
                },
                width,
            ),
            ("attention/output_projection", {"self_attn.o_proj": width}, width),
            ("mlp/inner", {"mlp.gate_proj": inner, "mlp.up_proj": inner}, width),
            ("mlp/outer", {"mlp.down_proj": width}, inner),
        ):
            yield side_by_side(
                f"{ours}/{product}/kernel",
                {f"{theirs}.{name}.weight": (size, inputs) for name, size in outputs.items()},
            )
            if has_bias(arguments, "mlp_bias" if product.startswith("mlp") else "attention_bias"):
                yield end_to_end(
                    f"{ours}/{product}/bias",
                    {f"{theirs}.{name}.bias": (size,) for name, size in outputs.items()},
                )
    yield same("final_norm/scale", f"{prefix}norm.weight", (width,))
    if not arguments["tie_embeddings"]:
        yield same("output_projection/kernel", HEAD, shape)
