"""How long translations may get."""

import numpy as np

from lm_zoo.generation.graph_beam_search import automatic_length


def bounded(call, most_new):
    """Returns a `Call` of `translate` whose every text has a greatest length.

    Args:
        call: With the lengths of its sources.
        most_new: Most tokens of a translation of which the request says nothing.
    """
    asked = call.inputs["max_new_tokens"]
    automatic = np.minimum(automatic_length(call.lengths.astype(np.int32)), most_new)
    longest = np.where(asked > 0, asked, automatic).astype(np.int32)
    return call._replace(inputs=call.inputs | {"max_new_tokens": longest}).with_steps()
