"""What a prediction gave for one text: as something to read, and as JSON."""

import base64
import json
import math

from lm_zoo.figures import written
from lm_zoo.tables import render

FEW = 8  # numbers of a vector that are shown


def as_json(texts, outputs):
    """Returns a line of JSON.

    Args:
        texts: Input name -> text.
        outputs: Output name -> value, one of what `Prediction.rows` gave. Bytes that are not UTF-8
            become `{"b64": ...}`, as in TensorFlow Serving's REST API, and what is no finite number
            null.
    """
    values = {"inputs": texts, "outputs": _json_value(outputs)}
    return json.dumps(values, ensure_ascii=False, allow_nan=False)


def as_text(title, outputs, prediction):
    """Returns lines to read: figures by name, lists side by side, the beginning of a vector.

    Args:
        title: What stands above them.
        outputs: Output name -> value, of one text.
        prediction: The `Prediction`.
    """
    single, lists = [], {}
    for name, value in outputs.items():
        if name in prediction.row_lengths.values():
            continue
        if prediction.kinds[name] == "vector":
            single.append((name, _vector(value)))
        elif isinstance(value, list):
            lists[name] = value
        else:
            single.append((name, _cell(value, quoted=False)))
    parts = [f"--- {title}"]
    if single:
        parts.append(render(("", ""), single))
    if lists:
        rows = zip(*([_cell(each) for each in values] for values in lists.values()))
        align = "".join(
            "r" if all(isinstance(each, float) for each in values) else "l"
            for values in lists.values()
        )
        parts.append(render(tuple(lists), list(rows), align))
    return "\n".join(parts)


def _vector(values):
    shown = " ".join(written(value) for value in values[:FEW])
    return shown if len(values) <= FEW else f"{shown} ... ({len(values)} numbers)"


def _cell(value, quoted=True):
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, float):
        return "-" if math.isnan(value) else written(value)
    return repr(value) if isinstance(value, str) and quoted else str(value)


def _json_value(value):
    if isinstance(value, dict):
        return {name: _json_value(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_json_value(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return {"b64": base64.b64encode(value).decode("ascii")}
    return value
