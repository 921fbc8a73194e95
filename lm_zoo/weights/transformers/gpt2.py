"""GPT-2 as transformers writes it: `config.json` of type `gpt2`, and its tensors."""

import functools
import re

from lm_zoo.weights.tensor_mapping import HEAD, num_rows, same, same_or_zeros

MODEL_TYPE = "gpt2"
ARCHITECTURE = "GPT2LMHeadModel"
DEFAULT_BOS = 50256  # where config.json says nothing
TABLE = "wte.weight"
PREFIX = "transformer."  # before the names of all but the head, unless one of these is there
BARE = {TABLE, "ln_f.weight"}

# transformers' names of the tanh approximation, and of the others that our model has.
_ACTIVATIONS = {
    "gelu_new": "gelu",
    "gelu_pytorch_tanh": "gelu",
    "gelu_fast": "gelu",
    "gelu": "gelu_exact",
    "gelu_python": "gelu_exact",
    "relu": "relu",
}
_NAMES = {"gelu": "gelu_new", "gelu_exact": "gelu", "relu": "relu"}
BUFFERS = re.compile(r"(transformer\.)?h\.\d+\.attn\.(bias|masked_bias)")  # masks of old files


def read_config(fields):
    """Returns our constructor's arguments; `fields` are those of `config.json`.

    Raises:
        UserError: Naming a field whose value our model cannot compute.
    """
    fields.require("add_cross_attention", False, default=False)
    hidden_dim = fields.size("n_embd", 768)
    return {
        "vocab_size": fields.size("vocab_size", 50257),
        "hidden_dim": hidden_dim,
        "num_layers": fields.size("n_layer", 12),
        "num_heads": fields.size("n_head", 12),
        "intermediate_dim": fields.size("n_inner", 4 * hidden_dim),
        "context_length": fields.size("n_positions", 1024),
        "feed_forward": fields.choice("activation_function", "gelu_new", _ACTIVATIONS),
        "norm_epsilon": fields.number("layer_norm_epsilon", 1e-5),
        "scale_attention": fields.flag("scale_attn_weights", True),
        "scale_attention_by_layer": fields.flag("scale_attn_by_inverse_layer_idx", False),
        "tie_embeddings": fields.flag("tie_word_embeddings", True),
        "dropout": fields.number("resid_pdrop", 0.1),
    }


def write_config(model):
    """Returns what `config.json` says of a model, its tokens apart."""
    return {
        "n_embd": model.hidden_dim,
        "n_layer": model.num_layers,
        "n_head": model.num_heads,
        "n_inner": model.blocks[0].intermediate_dim,
        "n_positions": model.context_length,
        "activation_function": _NAMES[model.feed_forward],
        "layer_norm_epsilon": model.norm_epsilon,
        "scale_attn_weights": model.scale_attention,
        "scale_attn_by_inverse_layer_idx": model.scale_attention_by_layer,
        "reorder_and_upcast_attn": False,
        "resid_pdrop": model.dropout,
        "embd_pdrop": model.dropout,
        "attn_pdrop": model.dropout,
    }


def held_by(model):
    """Returns argument -> the values that GPT-2 has a place for, of a model like this.

    Biases are no matter: a model without them is one whose biases are zeros.
    """
    return {
        "position": ("learned",),
        "normalization": ("layer_norm",),
        "feed_forward": tuple(_NAMES),
        "num_kv_heads": (0, model.num_heads),
    }


def tensor_mappings(arguments, prefix=PREFIX, table=""):
    """Yields the `TensorMapping`s of a model.

    Args:
        arguments: Of our constructor.
        prefix: Before the names of all but the head; files of a bare GPT2Model have none.
        table: The name of the embedding, where it is another than usual.
    """
    width, inner = arguments["hidden_dim"], arguments["intermediate_dim"]

    vector = functools.partial(same_or_zeros, arguments)
    shape = (num_rows(arguments), width)
    yield same("token_embedding/embeddings", table or prefix + TABLE, shape)
    yield same(
        "position_embedding/embeddings", f"{prefix}wpe.weight", (arguments["context_length"], width)
    )
    for index in range(arguments["num_layers"]):
        ours, theirs = f"block_{index}", f"{prefix}h.{index}"
        for norm, name in (("attention_norm", "ln_1"), ("mlp_norm", "ln_2")):
            yield same(f"{ours}/{norm}/gamma", f"{theirs}.{name}.weight", (width,))
            yield vector(f"{ours}/{norm}/beta", f"{theirs}.{name}.bias", width)
        for product, name, inputs, outputs in (
            ("attention/query_key_value", "attn.c_attn", width, 3 * width),
            ("attention/output_projection", "attn.c_proj", width, width),
            ("mlp/inner", "mlp.c_fc", width, inner),
            ("mlp/outer", "mlp.c_proj", inner, width),
        ):
            yield same(f"{ours}/{product}/kernel", f"{theirs}.{name}.weight", (inputs, outputs))
            part = "mlp_bias" if product.startswith("mlp") else "attention_bias"
            yield vector(f"{ours}/{product}/bias", f"{theirs}.{name}.bias", outputs, part)
    yield same("final_norm/gamma", f"{prefix}ln_f.weight", (width,))
    yield vector("final_norm/beta", f"{prefix}ln_f.bias", width)
    if not arguments["tie_embeddings"]:
        yield same("output_projection/kernel", HEAD, shape)
