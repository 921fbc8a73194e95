"""How fast rotary positions turn, plain or scaled to texts longer than those of training."""

import math

import numpy as np

from lm_zoo.errors import UserError, unknown_name

# What each kind needs, and what it may have, as transformers names it.
_LENGTH = "original_max_position_embeddings"
_NEEDED = {
    "linear": ("factor",),
    "llama3": ("factor", "low_freq_factor", "high_freq_factor", _LENGTH),
    "yarn": ("factor", _LENGTH),
}
_OF_YARN = {"beta_fast": 32, "beta_slow": 1, "attention_factor": None}
_OF_YARN |= {"mscale": None, "mscale_all_dim": None, "truncate": True}
_DEFAULTS = {"linear": {}, "llama3": {}, "yarn": _OF_YARN}
SCALINGS = {kind: (*needed, *_DEFAULTS[kind]) for kind, needed in _NEEDED.items()}


def check_rope_scaling(scaling):
    """Sees that a scaling can be computed.

    Args:
        scaling: A dict: `rope_type` (`linear`, `llama3` or `yarn`) and that kind's numbers.

    Returns:
        The dict, with the numbers that have defaults.

    Raises:
        UserError: Naming the entry.
    """
    kind = scaling.get("rope_type")
    if kind not in _NEEDED:
        raise unknown_name("rope_scaling.rope_type", kind, _NEEDED)
    allowed = {"rope_type", *SCALINGS[kind]}
    for name in scaling:
        if name not in allowed:
            raise unknown_name(f"rope_scaling.{name}", name, sorted(allowed))
    values = {**_DEFAULTS[kind], **scaling}
    for name in sorted(allowed - {"rope_type", "truncate"}):
        value = values.get(name)
        if value is None and name in _DEFAULTS[kind]:
            continue
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or value <= 0:
            raise UserError(
                f"rope_scaling.{name}: expected a number above 0 for rope_type {kind!r}, "
                f"received {value!r}."
            )
    if not isinstance(values.get("truncate", True), bool):
        raise UserError(
            f"rope_scaling.truncate: expected True or False, received {values['truncate']!r}."
        )
    if kind == "llama3" and values["low_freq_factor"] >= values["high_freq_factor"]:
        raise UserError(
            "rope_scaling.low_freq_factor: expected less than high_freq_factor "
            f"({values['high_freq_factor']}), received {values['low_freq_factor']}."
        )
    return values


def rope_frequencies(head_dim, theta, scaling=None):
    """Returns the angle that each pair of dimensions turns by, per position.

    Args:
        head_dim: Width of a head; even.
        theta: Base of the wavelengths.
        scaling: A dict checked by `check_rope_scaling`, with `rope_type`, or None. `linear` (Chen
            et al. 2023) divides all angles; `llama3` (Llama 3.1) only those of long wavelengths;
            `yarn` (Peng et al. 2023) those too, by a ramp, and multiplies cosines and sines by a
            factor.

    Returns:
        `(angles, factor)`: float32 `(head_dim / 2,)`, in radians, and what cosines and sines are
        multiplied by.
    """
    angles = float(theta) ** (-np.arange(0, head_dim, 2, dtype=np.float64) / head_dim)
    factor = 1.0
    if scaling is not None:
        angles, factor = _SCALED[scaling["rope_type"]](angles, head_dim, theta, scaling)
    return angles.astype(np.float32), factor


def _linear(angles, head_dim, theta, scaling):
    return angles / scaling["factor"], 1.0


def _llama3(angles, head_dim, theta, scaling):
    low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
    turns = scaling[_LENGTH] * angles / (2 * math.pi)
    share = np.clip((turns - low) / (high - low), 0, 1)  # of the unscaled angle
    return (1 - share) * angles / scaling["factor"] + share * angles, 1.0


def _yarn(angles, head_dim, theta, scaling):
    factor, length = scaling["factor"], scaling[_LENGTH]

    def dimension(turns):
        """The pair of dimensions that turns so often over the original length."""
        return head_dim * math.log(length / (turns * 2 * math.pi)) / (2 * math.log(theta))

    low = dimension(scaling["beta_fast"] or 32)
    high = dimension(scaling["beta_slow"] or 1)
    if scaling["truncate"]:
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, head_dim - 1)
    if low == high:
        high += 0.001
    share = np.clip((np.arange(head_dim // 2) - low) / (high - low), 0, 1)  # of the divided angle
    return share * angles / factor + (1 - share) * angles, _yarn_factor(scaling)


def _yarn_factor(scaling):
    if scaling["attention_factor"] is not None:
        return float(scaling["attention_factor"])

    def grown(by):
        return 1.0 if scaling["factor"] <= 1 else 0.1 * by * math.log(scaling["factor"]) + 1.0

    if scaling["mscale"] and scaling["mscale_all_dim"]:
        return grown(scaling["mscale"]) / grown(scaling["mscale_all_dim"])
    return grown(1)


_SCALED = {"linear": _linear, "llama3": _llama3, "yarn": _yarn}
