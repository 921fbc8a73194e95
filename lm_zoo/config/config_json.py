"""A config as JSON: what a run's folder keeps, and in what two configs differ.

This module imports the standard library alone.
"""

import dataclasses
import hashlib
import json
import typing

from lm_zoo.checked_fields import field_types, require
from lm_zoo.config import ExperimentConfig
from lm_zoo.config.config_fields import NamedConfig
from lm_zoo.errors import UserError, unknown_name

FORMAT_VERSION = 2  # of config.json; there is no reader of another one


def to_dict(config):
    """Returns the config as nested plain dicts, lists and scalars, ready for JSON."""
    return {field.name: _plain(getattr(config, field.name)) for field in dataclasses.fields(config)}


def _plain(value):
    if isinstance(value, NamedConfig):
        value = vars(value)
    elif dataclasses.is_dataclass(value):
        return to_dict(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return list(value) if isinstance(value, tuple) else value


def from_dict(values, kind=ExperimentConfig, path=""):
    """Builds a config from nested dicts, the inverse of `to_dict`.

    Raises:
        UserError: For a field that does not exist, naming the nearest one.
    """
    require(isinstance(values, dict), path or "config", "a mapping", values)
    prefix = f"{path}." if path else ""
    if not dataclasses.is_dataclass(kind):  # `NamedConfig`
        require(isinstance(values.get("name"), str), path, "a mapping with a name", values)
        return kind(**{key: _from_json(value) for key, value in values.items()})
    kinds, arguments = field_types(kind), {}
    for key, value in values.items():
        if key not in kinds:
            raise unknown_name(f"config field {prefix}{key}", key, kinds)
        here, held = f"{prefix}{key}", typing.get_args(kinds[key])
        if typing.get_origin(kinds[key]) is dict:
            require(isinstance(value, dict), here, "a mapping", value)
            value = {
                name: from_dict(item, held[1], f"{here}.{name}") for name, item in value.items()
            }
        elif _has_fields(kinds[key]):
            value = from_dict(value, kinds[key], here)
        arguments[key] = _from_json(value)
    return kind(**arguments)


def _has_fields(kind):
    is_named = isinstance(kind, type) and issubclass(kind, NamedConfig)
    return is_named or dataclasses.is_dataclass(kind)


def _from_json(value):
    return tuple(value) if isinstance(value, list) else value


def dumps(config):
    """Returns a config as it is kept in a run's folder: JSON, with a format version."""
    values = {"format_version": FORMAT_VERSION, **to_dict(config)}
    return json.dumps(values, indent=2, ensure_ascii=False) + "\n"


def from_saved(values, where):
    """Builds the config of what `dumps` wrote.

    Args:
        values: The JSON's values, a dict.
        where: Its file, for messages.

    Raises:
        UserError: For another format version, and for unknown fields.
    """
    version = values.get("format_version")
    if version != FORMAT_VERSION:
        raise UserError(
            f"{where}: expected format_version {FORMAT_VERSION}, received {version!r}: another "
            "version of lm_zoo wrote it; use that one, or train anew in another --workdir."
        )
    return from_dict({key: value for key, value in values.items() if key != "format_version"})


def flatten(config):
    """Returns `{"data.batch_size": 20, ...}`: every leaf of the config under its dotted name."""
    flat = {}

    def walk(values, prefix):
        for key, value in values.items():
            if isinstance(value, dict):
                walk(value, f"{prefix}{key}.")
            else:
                flat[f"{prefix}{key}"] = value

    walk(to_dict(config), "")
    return flat


# Where a run is executed and where its text lies; the text itself is held by its checksums.
_NOT_LEARNED_FROM = ("runtime.", "corpus.data_dir", "data.cache_dir")


def learned_from(config):
    """Returns the leaves of `flatten` that say what is learned, and from what."""
    return {k: v for k, v in flatten(config).items() if not k.startswith(_NOT_LEARNED_FROM)}


def fingerprint(config):
    """Returns a hash, in hex, of the fields that `learned_from` gives."""
    kept = learned_from(config)
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode("utf-8")).hexdigest()


def differences(old, new):
    """Lists `(field, old value, new value)` where two configs differ in what is learned from."""
    a, b, missing = learned_from(old), learned_from(new), "(not set)"
    return [
        (key, a.get(key, missing), b.get(key, missing))
        for key in sorted(a.keys() | b.keys())
        if a.get(key, missing) != b.get(key, missing)
    ]
