"""TensorFlow Serving's JSON: requests in row and column form to arrays, and arrays to answers.

Follows https://www.tensorflow.org/tfx/serving/api_rest. Strings may be given as `{"b64": "..."}`,
and are given so where they are not UTF-8. NaN and Infinity are written as TensorFlow Serving writes
them, which is not strict JSON.
"""

import base64
import binascii
import math

import numpy as np

from lm_zoo.serving.http.json_text import dump, dump_list
from lm_zoo.serving.http.request_error import RequestError, shown, unexpected, utf8
from lm_zoo.serving.input_shapes import check_number, check_shape, too_many_rows
from lm_zoo.serving.signature import DTYPES

_KINDS = {
    "string": "a string",
    "int32": "a whole number",
    "float32": "a number",
    "bool": "true or false",
}


def values_of(body, signature, max_rows):
    """Reads the inputs of a prediction.

    Args:
        body: The request's JSON object.
        signature: The `Signature` that it asks for.
        max_rows: Most texts of a request.

    Returns:
        `(values, by_rows)`: name -> numpy array, and whether the request had the row form.
    """
    given = [name for name in ("instances", "inputs") if name in body]
    if len(given) != 1:
        received = "both" if given else "neither"
        raise RequestError(f'expected either "instances" or "inputs", received {received}.')
    if given == ["inputs"]:
        columns = _named(body["inputs"], signature, "inputs")
        signature.check_names(columns)
        return {
            name: as_array(value, signature.inputs[name], max_rows)
            for name, value in columns.items()
        }, False
    return _of_instances(body["instances"], signature, max_rows), True


def as_array(value, each, max_rows):
    """Turns a JSON value, perhaps nested lists, into an array of the dtype of an `Input`.

    Raises:
        RequestError: For a value of another type, lists of different lengths, or too many values.
    """
    flat, shape = [], _shape(value)
    check_shape(each, shape, max_rows)
    _flatten(value, shape, each.name, flat)
    array = np.empty(len(flat), DTYPES[each.dtype])
    array[:] = [_scalar(item, each.name, each.dtype) for item in flat]
    return array.reshape(shape)


def answer(outputs, by_rows):
    """Returns the bytes of the answer to a prediction.

    Args:
        outputs: Name -> numpy array.
        by_rows: Whether to give the row form, for which all outputs have the rows first.
    """
    columns = {name: _as_json(outputs[name]) for name in sorted(outputs)}
    if by_rows and len(columns) > 1:
        rows = zip(*columns.values())
        text = dump_list([dict(zip(columns, row)) for row in rows])
    elif len(columns) == 1:
        text = dump_list(*columns.values())
    else:
        parts = (f"{dump(name)}:{dump_list(values)}" for name, values in columns.items())
        text = "{" + ",".join(parts) + "}"
    return f'{{"{"predictions" if by_rows else "outputs"}":{text}}}'.encode()


def _of_instances(instances, signature, max_rows):
    if not isinstance(instances, list) or not instances:
        raise RequestError(
            f"instances: expected a list with one value per text, received {shown(instances)}."
        )
    if len(instances) > max_rows:
        raise too_many_rows("instances", max_rows, len(instances))
    rows = [_named(instance, signature, "instances") for instance in instances]
    signature.check_names(rows[0])
    for index, row in enumerate(rows):
        if row.keys() != rows[0].keys():
            raise RequestError(
                f"instances: expected the same inputs in each, received {shown(sorted(rows[0]))} "
                f"in the first and {shown(sorted(row))} in number {index + 1}."
            )
    values = {}
    for name in rows[0]:
        column, each = [row[name] for row in rows], signature.inputs[name]
        values[name] = as_array(
            _lists(name, column) if each.each == "list" else column, each, max_rows
        )
    return values


def _named(value, signature, where):
    """A dictionary of inputs; a bare value stands for the only one that must be given."""
    if isinstance(value, dict) and value.keys() != {"b64"}:
        return value
    if len(signature.required) != 1:
        raise RequestError(
            f"{where}: expected an object with {', '.join(sorted(signature.required))}, received "
            f"{shown(value)}."
        )
    return {signature.required[0]: value}


def _lists(name, column):
    """Each row's own strings, as lists of one length."""
    lists = [value if isinstance(value, list) else [value] for value in column]
    width = max(map(len, lists))
    check_number(name, width)
    return [values + [""] * (width - len(values)) for values in lists]


def _shape(value):
    """The shape that the first members have."""
    shape = []
    while isinstance(value, list):
        shape.append(len(value))
        if not value or len(shape) > 8:
            break
        value = value[0]
    return tuple(shape)


def _flatten(value, shape, name, flat):
    if not shape:
        flat.append(value)
        return
    if not isinstance(value, list) or len(value) != shape[0]:
        raise RequestError(f"{name}: expected lists of the same length.", param=name)
    for member in value:
        _flatten(member, shape[1:], name, flat)


def _scalar(value, name, dtype):
    """Returns the value as its dtype's Python type."""
    if dtype == "string":
        return _string(value, name)
    if dtype == "bool" and isinstance(value, bool):
        return value
    whole = isinstance(value, int) and not isinstance(value, bool)
    if dtype == "float32":
        if whole or isinstance(value, float):
            return value if not whole or abs(value) < 2**100 else math.inf
    elif whole and dtype == "int32":
        if -(2**31) <= value < 2**31:
            return value
        raise unexpected(name, "32 bits", value)
    raise unexpected(name, _KINDS[dtype], value)


def _string(value, name):
    """Returns the UTF-8 bytes of a string or of a `{"b64": ...}`."""
    if isinstance(value, str):
        return utf8(name, value)
    if isinstance(value, dict) and value.keys() == {"b64"} and isinstance(value["b64"], str):
        try:
            data = base64.b64decode(value["b64"], validate=True)
            data.decode("utf-8")
            return data
        except (binascii.Error, ValueError):
            raise unexpected(name, "UTF-8 in base 64", value) from None
    raise unexpected(name, 'a string or {"b64": "..."}', value)


def _as_json(array):
    if array.dtype != object:
        return array.tolist()
    return [_as_json(item) if isinstance(item, np.ndarray) else _text(item) for item in array]


def _text(data):
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return {"b64": base64.b64encode(data).decode("ascii")}
