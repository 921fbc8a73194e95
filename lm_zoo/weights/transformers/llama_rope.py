"""Llama's rotary positions in `config.json`, as both generations of transformers write them."""

from lm_zoo.errors import UserError
from lm_zoo.layers.attention.rope_scaling import SCALINGS, check_rope_scaling

# Of these, some kinds read some; what is beside them is refused.
_NUMBERS = {name for names in SCALINGS.values() for name in names}
# What the files have beside them: not of positions, or never read by transformers.
_OTHERS = ("type", "rope_type", "rope_theta", "partial_rotary_factor", "finetuned")


def read_rope(fields):
    """Returns the base of the wavelengths, and their scaling or None, of a Llama's `config.json`.

    Raises:
        UserError: Naming what our model cannot compute.
    """
    # transformers 5 reads what transformers 4 called rope_scaling first, where there are both.
    name = "rope_scaling" if fields.values.get("rope_scaling") else "rope_parameters"
    rope = fields.values.get(name) or {}
    if not isinstance(rope, dict):
        raise fields.error(name, "a mapping", rope)
    for values in (rope, fields.values):
        if values.get("partial_rotary_factor") not in (None, 1):
            raise fields.error("partial_rotary_factor", "1", values["partial_rotary_factor"])
    theta = rope.get("rope_theta") or fields.values.get("rope_theta") or 10000.0
    right = isinstance(theta, (int, float)) and not isinstance(theta, bool) and theta > 0
    if not right:
        raise fields.error("rope_theta", "a number above 0", theta)
    kind = rope.get("rope_type", rope.get("type")) or "default"
    if kind != "default" and kind not in SCALINGS:
        raise fields.error(f"{name}: rope_type", f"default, {', '.join(SCALINGS)}", kind)
    for key in rope:
        if key not in (*_OTHERS, *_NUMBERS):
            raise fields.error(
                f"{name}: {key}", "no such field, because lm_zoo does not support it", rope[key]
            )
    if kind == "default":
        return float(theta), None
    return float(theta), _scaling(fields, name, kind, rope)


def write_rope(model):
    """Returns the entries of `config.json`, for transformers 4 and 5."""
    rope = {"rope_type": "default", **(model.rope_scaling or {})}
    rope = {key: value for key, value in rope.items() if value is not None}
    entries = {
        "rope_theta": model.rope_theta,
        "rope_parameters": {**rope, "rope_theta": model.rope_theta},
    }
    if model.rope_scaling is not None:
        entries["rope_scaling"] = rope
    return entries


def _scaling(fields, name, kind, rope):
    length = fields.size("max_position_embeddings", 2048)
    given = {key: value for key, value in rope.items() if key in SCALINGS[kind]}
    if kind != "linear":  # the config's own goes before
        original = fields.values.get("original_max_position_embeddings")
        original = original or given.get("original_max_position_embeddings") or length
        given["original_max_position_embeddings"] = original
        if kind == "yarn" and given.get("factor") is None and isinstance(original, (int, float)):
            given["factor"] = length / original
    if given.get("truncate", True) is None:
        del given["truncate"]
    try:
        return check_rope_scaling({"rope_type": kind, **given})
    except UserError as error:
        raise UserError(f"{fields.path}: {name}: {error}") from None
