"""How long the answers of a call may get."""

import numpy as np


def bounded(call, inputs, most_new):
    """Returns a `Call` whose every row has a greatest length, by which it is batched.

    Short answers do not wait for long ones.

    Args:
        call: With the lengths of its texts.
        inputs: Name -> `Input`, of the signature.
        most_new: Most tokens of an answer of which the request says nothing.
    """
    values, key = {}, list(call.key)
    for name, each in inputs.items():
        if not each.bounds_length or name not in call.inputs:
            continue
        longest = call.inputs[name]
        if each.automatic:
            times, more = each.automatic
            automatic = np.minimum(times * call.lengths + more, most_new)
            longest = np.where(longest > 0, longest, automatic).astype(np.int32)
        values[name] = longest
        key.append(("length", int(longest.max()).bit_length()))
    return call._replace(inputs=call.inputs | values, key=tuple(key))
