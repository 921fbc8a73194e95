"""What a text of the synthetic source costs under the source itself."""

import numpy as np


def nats_of(source, text):
    """Nats of each symbol of `text` under a `SyntheticSource`, shape `(len(text),)`.

    The first `order` symbols are taken together, at the stationary probability of that context,
    which stands in the last of their places (0 in those before it).
    """
    order, index = source.order, {symbol: i for i, symbol in enumerate(source.symbols)}
    symbols = np.array([index[symbol] for symbol in text])
    contexts = np.zeros(len(text) - order + 1, np.int64)
    for back in range(order):
        contexts = contexts * source.vocab_size + symbols[back : back + len(contexts)]
    nats = np.zeros(len(text))
    nats[order - 1] = -np.log(source.stationary[contexts[0]])
    nats[order:] = -np.log(source.transitions[contexts[:-1], symbols[order:]])
    return nats
