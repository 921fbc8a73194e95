"""Tensors as JSON has them, for a process without lm_zoo and for the model card."""

import numpy as np


def tensor(value, dtype=None):
    """Returns a string, a number or a list of them in the form that the process reads.

    Args:
        value: The value.
        dtype: `string`, `int32`, ...; None is the value's own.
    """
    value = np.asarray(value if dtype != "string" or np.size(value) else np.zeros(0, "U1"))
    if value.dtype.kind == "U":
        values = [text.encode("utf-8").decode("latin-1") for text in value.reshape(-1).tolist()]
        return {"dtype": "string", "shape": list(value.shape), "values": values}
    kind = dtype or ("int32" if value.dtype.kind == "i" else "float32")
    return {"dtype": kind, "shape": list(value.shape), "values": value.reshape(-1).tolist()}


def array(value):
    """Returns the numpy array of a tensor that the process wrote; strings as bytes."""
    values = value["values"]
    if value["dtype"] == "string":
        values = np.array([text.encode("latin-1") for text in values], object)
    else:
        values = np.array(values, value["dtype"])
    return values.reshape(value["shape"])
