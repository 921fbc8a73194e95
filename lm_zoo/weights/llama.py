"""Llama as transformers writes it: `config.json` of type `llama`, and its tensors."""

import re

from lm_zoo.weights.parts import end_to_end, same, side_by_side

MODEL_TYPE = "llama"
ARCHITECTURE = "LlamaForCausalLM"
DEFAULT_BOS = 1  # where config.json says nothing
HEAD, TABLE = "lm_head.weight", "embed_tokens.weight"

_BUFFERS = re.compile(r"(model\.)?layers\.\d+\.self_attn\.rotary_emb\.inv_freq")  # of old files


def read_config(fields):
    """Returns our constructor's arguments; `fields` are those of `config.json`.

    Raises:
        UserError: Naming a field whose value our model cannot compute.
    """
    fields.require("hidden_act", "silu", default="silu")
    fields.require("rms_norm_eps", 1e-5, default=1e-6)
    hidden_dim = fields.size("hidden_size", 4096)
    num_heads = fields.size("num_attention_heads", 32)
    if hidden_dim % num_heads == 0:  # else our model says so
        fields.size("head_dim", hidden_dim // num_heads)
        fields.require("head_dim", hidden_dim // num_heads, default=hidden_dim // num_heads)
    use_bias = fields.flag("attention_bias", False)
    fields.require("mlp_bias", use_bias, default=False)
    return {
        "vocab_size": fields.size("vocab_size", 32000),
        "hidden_dim": hidden_dim,
        "num_layers": fields.size("num_hidden_layers", 32),
        "num_heads": num_heads,
        "num_kv_heads": fields.size("num_key_value_heads", num_heads),
        "intermediate_dim": fields.size("intermediate_size", 11008),
        "context_length": fields.size("max_position_embeddings", 2048),
        "position": "rope",
        "rope_theta": _theta(fields),
        "normalization": "rms_norm",
        "feed_forward": "swiglu",
        "use_bias": use_bias,
        "tie_embeddings": fields.flag("tie_word_embeddings", False),
    }


def write_config(model):
    """Returns what `config.json` says of a model, its tokens apart."""
    return {
        "hidden_size": model.hidden_dim,
        "num_hidden_layers": model.num_layers,
        "num_attention_heads": model.num_heads,
        "num_key_value_heads": model.num_kv_heads or model.num_heads,
        "head_dim": model.head_dim,
        "intermediate_size": model.blocks[0].intermediate_dim,
        "max_position_embeddings": model.context_length,
        "hidden_act": "silu",
        "rms_norm_eps": 1e-5,
        "rope_theta": model.rope_theta,  # transformers 4
        "rope_parameters": {"rope_type": "default", "rope_theta": model.rope_theta},
        "attention_bias": model.use_bias,
        "mlp_bias": model.use_bias,
    }


def cannot_hold(model):
    """Returns the argument of a model that Llama has no place for, and what it has; or None."""
    for name, held in (
        ("position", ("rope",)),
        ("normalization", ("rms_norm",)),
        ("feed_forward", ("swiglu",)),
    ):
        if getattr(model, name) not in held:
            return name, held
    return None


def parts(arguments, prefix="model."):
    """Yields the `Part`s of a model.

    Args:
        arguments: Of our constructor.
        prefix: Before the names of all but the head; files of a bare LlamaModel have none.
    """
    width, inner = arguments["hidden_dim"], arguments["intermediate_dim"]
    kv_heads = arguments["num_kv_heads"] or arguments["num_heads"]
    kv_width = width // arguments["num_heads"] * kv_heads
    table = (arguments["vocab_size"], width)
    yield same("token_embedding/embeddings", prefix + TABLE, table)
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
            if arguments["use_bias"]:
                yield end_to_end(
                    f"{ours}/{product}/bias",
                    {f"{theirs}.{name}.bias": (size,) for name, size in outputs.items()},
                )
    yield same("final_norm/scale", f"{prefix}norm.weight", (width,))
    if not arguments["tie_embeddings"]:
        yield same("output_projection/kernel", HEAD, table)


def prefix_of(names):
    return "" if TABLE in names else "model."


def is_buffer(name):
    """Whether a tensor is none of the weights."""
    return _BUFFERS.fullmatch(name) is not None


def _theta(fields):
    """Returns the base of the wavelengths, under transformers 5's or 4's name."""
    rope = fields.values.get("rope_parameters") or fields.values.get("rope_scaling") or {}
    if not isinstance(rope, dict):
        raise fields.error("rope_parameters", "a mapping", rope)
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind != "default":
        raise fields.error("rope_parameters", "rope_type 'default': no scaling of positions", rope)
    for values in (rope, fields.values):
        if values.get("partial_rotary_factor", 1) != 1:
            raise fields.error("partial_rotary_factor", "1", values["partial_rotary_factor"])
    theta = rope.get("rope_theta", fields.values.get("rope_theta", 10000.0))
    right = isinstance(theta, (int, float)) and not isinstance(theta, bool) and theta > 0
    if not right:
        raise fields.error("rope_theta", "a number above 0", theta)
    return float(theta)
