"""How PyTorch's nn.RNN, nn.GRU and nn.LSTM keep their weights, and ours theirs."""

import numpy as np

from lm_zoo.weights.tensor_mapping import TensorMapping, num_rows, same, transposed

GATES = {"rnn_lm": 1, "gru_lm": 3, "lstm_lm": 4}
CLASSES = {"rnn_lm": "RNN", "gru_lm": "GRU", "lstm_lm": "LSTM"}  # of torch.nn


def tensor_mappings(name, arguments, names):
    """Yields the `TensorMapping`s of a model.

    Both have LSTM's gates in the order input, forget, cell, output. GRU's are reset, update,
    candidate there and update, reset, candidate here. PyTorch has two biases where one is enough
    but in the GRU's candidate; ours is their sum, and written, the second one is zeros.

    Args:
        name: The model.
        arguments: Of our constructor.
        names: PyTorch's names: `rnn` (what stands before `weight_ih_l0`), `encoder`, `decoder`
            (or None where the file has the tied table once), `bias`, `projection`.
    """
    width, size = arguments["hidden_dim"], num_rows(arguments)
    embedding_dim = arguments["embedding_dim"] or width
    tied = arguments["tie_embeddings"]
    table = "token_embedding/embeddings"
    if tied and names["decoder"]:
        yield twice(table, names["encoder"], names["decoder"], (size, embedding_dim))
    else:
        yield same(table, names["encoder"], (size, embedding_dim))
    gates = GATES[name]
    swap = _swapped if name == "gru_lm" else lambda blocks: blocks
    bias = _bias_of_gru if name == "gru_lm" else _summed_bias
    for index in range(arguments["num_layers"]):
        inputs = width if index else embedding_dim
        for ours, theirs, num_inputs in (
            ("kernel", "weight_ih", inputs),
            ("recurrent_kernel", "weight_hh", width),
        ):
            yield _kernel(
                f"layer_{index}/{ours}",
                f"{names['rnn']}{theirs}_l{index}",
                (gates * width, num_inputs),
                swap,
            )
        yield bias(
            f"layer_{index}/bias",
            [f"{names['rnn']}bias_{kind}_l{index}" for kind in ("ih", "hh")],
            gates * width,
        )
    if tied and embedding_dim != width:
        yield transposed("projection/kernel", names["projection"], (embedding_dim, width))
    if not tied:
        yield same("output_projection/kernel", names["decoder"], (size, width))
    yield same("output_projection/bias", names["bias"], (size,))


def twice(variable, first, second, shape):
    """One table of ours under two names: a tied one, which is written for both uses."""
    return TensorMapping(variable, {first: shape, second: shape}, lambda a, b: a, lambda a: [a, a])


def _kernel(variable, name, shape, swap):
    return TensorMapping(
        variable,
        {name: shape},
        lambda a: swap(a).T,  # (G * H, D) -> (D, G * H)
        lambda a: [swap(a.T)],
    )


def _swapped(blocks):
    """Exchanges the first two of three gates along the first axis."""
    first, second, third = np.split(blocks, 3)
    return np.concatenate([second, first, third])


def _summed_bias(variable, names, size):
    return TensorMapping(
        variable,
        dict.fromkeys(names, (size,)),
        lambda inputs, recurrent: inputs + recurrent,
        lambda a: [a, np.zeros_like(a)],
    )


def _bias_of_gru(variable, names, size):
    return TensorMapping(
        variable,
        dict.fromkeys(names, (size,)),
        lambda inputs, recurrent: np.stack([_swapped(inputs), _swapped(recurrent)]),
        lambda a: [_swapped(a[0]), _swapped(a[1])],
    )
