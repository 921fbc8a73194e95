"""Where keras-hub's GPT2Backbone keeps its weights in a Keras weights file."""

import functools

import numpy as np

from lm_zoo.weights.tensor_mapping import (
    TensorMapping,
    has_bias,
    num_rows,
    same,
    same_or_zeros,
    zeros,
)


def tensor_mappings(arguments):
    """Yields the `TensorMapping`s of a model; the names are the places in the file."""
    width, inner = arguments["hidden_dim"], arguments["intermediate_dim"]
    heads = arguments["num_heads"]
    vector = functools.partial(same_or_zeros, arguments)
    table = (num_rows(arguments), width)
    positions = (arguments["context_length"], width)
    yield same("token_embedding/embeddings", "layers/reversible_embedding/vars/0", table)
    yield same("position_embedding/embeddings", "layers/position_embedding/vars/0", positions)
    for index in range(arguments["num_layers"]):
        theirs = "layers/transformer_decoder" + (f"_{index}" if index else "")
        for norm, name in (
            ("attention_norm", "_self_attention_layer_norm"),
            ("mlp_norm", "_feedforward_layer_norm"),
        ):
            yield same(f"block_{index}/{norm}/gamma", f"{theirs}/{name}/vars/0", (width,))
            yield vector(f"block_{index}/{norm}/beta", f"{theirs}/{name}/vars/1", width)
        biased = has_bias(arguments, "attention_bias")
        yield from _attention(f"block_{index}/attention", theirs, width, heads, biased)
        for product, name, inputs, outputs in (
            ("mlp/inner", "_feedforward_intermediate_dense", width, inner),
            ("mlp/outer", "_feedforward_output_dense", inner, width),
        ):
            place = f"{theirs}/{name}/vars"
            yield same(f"block_{index}/{product}/kernel", f"{place}/0", (inputs, outputs))
            yield vector(f"block_{index}/{product}/bias", f"{place}/1", outputs, "mlp_bias")
    yield same("final_norm/gamma", "layers/layer_normalization/vars/0", (width,))
    yield vector("final_norm/beta", "layers/layer_normalization/vars/1", width)


def _attention(ours, theirs, width, heads, biased):
    """Yields the mappings of attention, whose heads have an axis of their own there."""
    theirs = f"{theirs}/_self_attention_layer"
    places = [f"{theirs}/{name}_dense/vars" for name in ("query", "key", "value")]
    per_head = (heads, width // heads)
    yield TensorMapping(
        f"{ours}/query_key_value/kernel",
        {f"{place}/0": (width, *per_head) for place in places},
        lambda *arrays: np.concatenate([a.reshape(width, width) for a in arrays], 1),
        lambda a: [piece.reshape(width, *per_head) for piece in np.split(a, 3, 1)],
    )
    biases = {f"{place}/1": per_head for place in places}
    if biased:
        yield TensorMapping(
            f"{ours}/query_key_value/bias",
            biases,
            lambda *arrays: np.concatenate([a.reshape(width) for a in arrays]),
            lambda a: [piece.reshape(per_head) for piece in np.split(a, 3)],
        )
    else:
        yield from (zeros(name, shape) for name, shape in biases.items())
    place = f"{theirs}/output_dense/vars"
    yield TensorMapping(
        f"{ours}/output_projection/kernel",
        {f"{place}/0": (*per_head, width)},
        lambda a: a.reshape(width, width),
        lambda a: [a.reshape(*per_head, width)],
    )
    if biased:
        yield same(f"{ours}/output_projection/bias", f"{place}/1", (width,))
    else:
        yield zeros(f"{place}/1", (width,))
