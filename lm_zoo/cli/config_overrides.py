"""`--config=... --config.FIELD=VALUE`: from the command line to a resolved `ExperimentConfig`."""

import ast
import copy
import dataclasses
import logging
import re
import typing

from lm_zoo import config as config_lib
from lm_zoo.checked_fields import check_fields, field_types, require, type_words
from lm_zoo.cli.run_flags import values_given
from lm_zoo.config import config_checks
from lm_zoo.config.config_checks import NAMES, set_value, value_at
from lm_zoo.config.config_fields import NamedConfig
from lm_zoo.config.config_files import read_config
from lm_zoo.errors import UserError

_CONFIG_FLAG = re.compile(r"--?config(?:=(.*))?", re.DOTALL)
_OVERRIDE = re.compile(r"--?(no)?config\.([^=]*)(?:=(.*))?", re.DOTALL)
DEFAULT = "default"  # takes an argument away
_SWITCH = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}


class Override(typing.NamedTuple):
    """One `--config.PATH=TEXT`. `text` is None where no value was given (`--config.PATH`)."""

    path: str
    text: str | None
    negated: bool = False


def load_config(argv, default=None):
    """Takes the config and its overrides out of a command line.

    Args:
        argv: Arguments, without the program's name.
        default: An `ExperimentConfig` that overrides apply to when no `--config` is given.

    Returns:
        `(config, rest)`: the `ExperimentConfig` with all overrides, resolved, or None if neither
        `--config` nor a default was given; and the other arguments, in their order.

    Raises:
        UserError: For a config that cannot be found or run, and for overrides that do not fit.
    """
    source, argv = _take_source(argv)
    config = default if source is None else read_config(source)
    overrides, rest = _take_overrides(config, argv)
    return config and apply_overrides(config, overrides), rest


def apply_overrides(config, overrides):
    """Returns a copy of the config with the overrides applied, resolved.

    Args:
        config: An `ExperimentConfig`; it is not changed.
        overrides: `Override`s. Of several for one field the last counts; for a field of several
            strings (`corpus.train_files`) they add up. Another task, corpus or model keeps of
            the arguments those that it has, too.

    Raises:
        UserError: Naming the field, what was expected and what was received.
    """
    by_path = {}
    for override in overrides:
        by_path.setdefault(override.path, []).append(override)
    config = copy.deepcopy(config)
    check_fields(config, "config")  # what is wrong in itself is not the overrides' fault
    for path in sorted(by_path, key=lambda path: path not in NAMES):
        _apply(config, path, by_path[path])
    return config_checks.resolve(config)


def _take_source(argv):
    """Returns what `--config` names (the last one counts, as for every flag) and the rest."""
    source, rest, argv = None, [], list(argv)
    while argv and argv[0] != "--":
        argument = argv.pop(0)
        match = _CONFIG_FLAG.fullmatch(argument)
        if not match:
            rest.append(argument)
            continue
        source = match[1]
        if source is None and argv and not _is_flag(argv[0]):
            source = argv.pop(0)
        if not source:
            raise UserError("--config: expected a name or a path, received nothing.")
    return source, rest + argv


def _take_overrides(config, argv):
    """Returns the `Override`s, each with its value (after `=` or next in line), and the rest."""
    overrides, rest, argv = [], [], list(argv)
    named = config and _with_names(config, argv)
    while argv and argv[0] != "--":
        argument = argv.pop(0)
        match = _OVERRIDE.fullmatch(argument)
        if not match:
            rest.append(argument)
            continue
        if config is None:
            raise UserError(f"{argument}: there is no --config=NAME whose field it could change.")
        negated, path, text = match.groups()
        _check_path(named, path)
        if text is None and not negated and argv and not _is_flag(argv[0]):
            is_switch = _kind(named, path) is bool
            if not is_switch or argv[0].lower() in ("true", "false"):
                text = argv.pop(0)
        overrides.append(Override(path, text, bool(negated)))
    return overrides, rest + argv


def _with_names(config, argv):
    """Returns a copy of the config with the names of task, corpus and model that are given."""
    config = copy.deepcopy(config)
    for path in NAMES:
        for name in values_given(f"config.{path}", argv):
            set_value(config, path, name)
    return config


def _is_flag(argument):
    return argument.startswith("-") and not re.fullmatch(r"-[\d.].*", argument)


def _check_path(config, path):
    config_checks.check_field_path(config, path)
    head, _, name = path.partition(".")
    example = _example(config, path)
    if example:
        raise UserError(
            f"config.{path}: it has fields of its own; change those, as in "
            f"--config.{example}=VALUE."
        )
    if head == "model" and not name.isidentifier():
        raise UserError(
            f"config.{path}: expected the name of one argument of the model, as in "
            "--config.model.hidden_dim=200."
        )
    if head == "model" and hasattr(config_lib.ModelConfig, name):
        raise UserError(f"config.{path}: {name!r} cannot be an argument of a model.")


def _example(config, path):
    """Returns a field below a path; None where the path is that of a field."""
    value = value_at(config, path)
    if path == "tokenizers":
        return f"tokenizers.{config_checks.text_fields(config)[0]}.name"
    if isinstance(value, NamedConfig):
        return f"{path}.name"
    if dataclasses.is_dataclass(value):
        return f"{path}.{dataclasses.fields(value)[0].name}"
    return None


def _kind(config, path):
    """Returns the type of the field at a path; of a model's argument, that of its value.

    None is that of a model's argument without a value: its text says.
    """
    holder = value_at(config, path.rpartition(".")[0]) if "." in path else config
    name = path.rpartition(".")[2]
    if isinstance(holder, NamedConfig) and name not in holder.OWN:
        cls = config_checks.arguments_class(holder)
        if cls is None:
            value = getattr(holder, name, None)
            return None if value is None else type(value)
        return field_types(cls)[name]
    return str if isinstance(holder, NamedConfig) else field_types(type(holder))[name]


def _apply(config, path, group):
    """Sets one field of the config to the value of the `Override`s for it."""
    last, kind = group[-1], _kind(config, path)
    if last.negated and last.text is not None:
        raise UserError(f"--noconfig.{path}: it takes no value, received {last.text!r}.")
    if last.text == DEFAULT and _is_argument(config, path):
        config_checks.take_away(config, path)
        return
    if typing.get_origin(kind) is tuple and typing.get_args(kind)[0] is str:
        value = tuple(part for item in group for part in _strings(path, item))
    elif last.text is None:
        if kind not in (bool, None):
            raise _does_not_fit(path, kind, "false" if last.negated else None)
        value = not last.negated
    elif path.startswith("model.") and path not in ("model.name", "model.size"):
        value = _model_argument(path, kind, last.text)
    else:
        value = _read(path, kind, last.text)
    before = config.model
    set_value(config, path, value)
    _note_left_out(before, config.model)


def _is_argument(config, path):
    """Whether a path is that of an argument of a task, a corpus or a model."""
    holder, name = value_at(config, path.rpartition(".")[0] or path), path.rpartition(".")[2]
    return isinstance(holder, NamedConfig) and name not in holder.OWN


def _note_left_out(before, after):
    """Says which arguments of a model another has not."""
    left_out = [name for name in before.arguments if name not in after.arguments]
    if left_out:
        logging.warning("config.model: %s has no %s; left out.", after.name, ", ".join(left_out))


def _read(path, kind, text):
    if kind is str:
        return text
    try:
        if kind is bool:
            return _SWITCH[text.lower()]
        if kind in (int, float):
            return kind(text)
    except (KeyError, ValueError):
        raise _does_not_fit(path, kind, text) from None
    value = _literal(text)
    if isinstance(value, typing.get_origin(kind) or kind):
        return value
    raise _does_not_fit(path, kind, text)


def _model_argument(path, kind, text):
    """Model arguments have no declared type: it is that of the config's value, or else the text's.

    A whole number in the config may become a fraction (`dropout=0`, then 0.1): the model class
    decides.
    """
    value = _literal(text)
    if text == "None":
        return None
    if kind is not None and not (kind is int and type(value) is float):
        return _read(path, kind, text)
    is_right = isinstance(value, (bool, int, float, str, tuple))
    require(is_right, f"config.{path}", "a number, true, false, a string or a tuple", text)
    return value


def _literal(text):
    """Reads a value as Python would write it; bare words are strings."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
    return tuple(value) if isinstance(value, list) else value


def _strings(path, override):
    """Reads the value of a field of several strings: `a,b`, or a literal such as `("a,b", "c")`."""
    text = override.text
    if text is None or override.negated:
        raise _does_not_fit(path, tuple, None)
    value = _literal(text) if text.startswith(("(", "[")) else text
    if isinstance(value, str) and value != text:  # ("a") is "a"
        value = (value,)
    if isinstance(value, tuple) and all(isinstance(part, str) for part in value):
        return value
    # A pattern, too, may begin with a bracket: [0-9]*.txt is none of Python's, [12] has no strings.
    if re.match(r"[(\[]\s*['\"]", text) or (text.startswith("(") and value != text):
        raise _does_not_fit(path, tuple, text)
    return [part.strip() for part in text.split(",") if part.strip()]


def _does_not_fit(path, kind, text):
    is_strings = kind is tuple or typing.get_args(kind)[:1] == (str,)
    known = isinstance(kind, type) or is_strings
    expected = type_words(tuple if is_strings else kind) if known else "a value"
    if text is not None:
        return UserError(f"config.{path}: expected {expected}, received {text!r}.")
    return UserError(
        f"config.{path}: expected {expected}, received nothing; give it as --config.{path}=VALUE."
    )
