"""Writing JSON, compact, and so that a long text does not keep other threads waiting."""

import json

MAX_VALUES_AT_ONCE = 2000  # values written before another thread may run


def dump(value):
    """Returns the JSON of a value; strings in it must be valid Unicode."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def dump_list(values):
    """Returns the JSON of a list, written in parts: the library lets no thread run meanwhile."""
    size = len(values[0]) if values and isinstance(values[0], (list, dict)) else 1
    step = 1 + MAX_VALUES_AT_ONCE // max(size, 1)
    return joined(dump(values[begin : begin + step])[1:-1] for begin in range(0, len(values), step))


def joined(parts):
    """Returns the JSON of a list whose members are JSON already."""
    return "[" + ",".join(parts) + "]"
