"""`--config=... --config.FIELD=VALUE`: from the command line to a checked `ExperimentConfig`.

A command that takes a config calls `define_config_flag` in its `define_flags` and finds the
`ExperimentConfig` (or None) in `flag_values.config`. The overrides go through ml_collections'
`config_flags`, one at a time, so that whatever is wrong with one can be said of that one.
"""

import ast
import dataclasses
import re
import typing

from absl import flags

from lm_zoo import config as config_lib
from lm_zoo import config_checks
from lm_zoo.cli.config_files import read_config
from lm_zoo.errors import UserError
from lm_zoo.text.special_tokens import SPECIAL_TOKENS, SPECIAL_TOKENS_HELP, TEXT

_CONFIG_FLAG = re.compile(r"--?config(?:=(.*))?", re.DOTALL)
_OVERRIDE = re.compile(r"--?(no)?config\.([^=]*)(?:=(.*))?", re.DOTALL)
_KINDS = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a string",
    tuple: 'strings, as a,b or (if they hold commas) as ("a", "b")',
}


class Override(typing.NamedTuple):
    """One `--config.PATH=TEXT`. `text` is None where no value was given (`--config.PATH`)."""

    path: str
    text: str | None
    negated: bool = False


def define_config_flag(flag_values, required=False):
    """Adds `--config` to a command's flags, for its help and as the place of the loaded config."""
    flags.DEFINE_string(
        "config",
        None,
        "An experiment: the name of a shipped config (`lm-zoo list configs`) or the path of a "
        "Python file with a get_config(), which is run. Any field of it is changed by --config.FIELD=VALUE, as "
        "in --config.optimizer.learning_rate=0.002.",
        required=required,
        flag_values=flag_values,
    )


def define_special_tokens_flag(flag_values):
    """Defines `--special_tokens`, of texts that users give."""
    flags.DEFINE_enum(
        "special_tokens", TEXT, list(SPECIAL_TOKENS), SPECIAL_TOKENS_HELP, flag_values=flag_values
    )


def define_checkpoint_flag(flag_values):
    flags.DEFINE_string(
        "checkpoint",
        "best",
        "best, latest, a step number, or average:N (the mean of the N latest).",
        flag_values=flag_values,
    )


def define_data_dir_flag(flag_values):
    """Adds `--data_dir`, short for `--config.data.data_dir`."""
    flags.DEFINE_string(
        "data_dir",
        None,
        "The folder that has the config's text: the files of a named corpus, which are not fetched "
        "then, or those that data.train_files name. Short for --config.data.data_dir.",
        flag_values=flag_values,
    )


def with_data_dir(config, data_dir):
    """Returns the config with the value of `--data_dir`, where that was given.

    Raises:
        UserError: If the config's corpus is not read from files.
    """
    if data_dir is None:
        return config
    from lm_zoo.data.corpora import IN_MEMORY

    if config.data.corpus in IN_MEMORY:
        raise UserError(
            f"--data_dir: expected a config whose text is read from files, its data.corpus is "
            f"{config.data.corpus!r}; leave it out, or set --config.data.corpus."
        )
    return apply_overrides(config, [Override("data.data_dir", data_dir)])


def load_config(argv, default=None):
    """Takes the config and its overrides out of a command line.

    Args:
        argv: Arguments, without the program's name.
        default: An `ExperimentConfig` that overrides apply to when no `--config` is given.

    Returns:
        `(config, rest)`: the `ExperimentConfig` with all overrides, validated, or None if neither
        `--config` nor a default was given; and the other arguments, in their order.

    Raises:
        UserError: For a config that cannot be found or run, and for overrides that do not fit.
    """
    source, argv = _take_source(argv)
    config = default if source is None else read_config(source)
    overrides, rest = _take_overrides(config, argv)
    return config and apply_overrides(config, overrides), rest


def apply_overrides(config, overrides):
    """Returns a copy of the config with the overrides applied, validated.

    Args:
        config: An `ExperimentConfig`; it is not changed.
        overrides: `Override`s. Of several for one field the last counts; for a field of several
            strings (`data.train_files`) they add up.

    Raises:
        UserError: Naming the field, what was expected and what was received.
    """
    by_path = {}
    for override in overrides:
        by_path.setdefault(override.path, []).append(override)
    for path, group in by_path.items():
        config = _apply(config, path, group)
    return config_checks.validate(config)


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
    while argv and argv[0] != "--":
        argument = argv.pop(0)
        match = _OVERRIDE.fullmatch(argument)
        if not match:
            rest.append(argument)
            continue
        if config is None:
            raise UserError(f"{argument}: there is no --config=NAME whose field it could change.")
        negated, path, text = match.groups()
        _check_path(config, path)
        if text is None and not negated and argv and not _is_flag(argv[0]):
            is_switch = isinstance(_current(config, path), bool)
            if not is_switch or argv[0].lower() in ("true", "false"):
                text = argv.pop(0)
        overrides.append(Override(path, text, bool(negated)))
    return overrides, rest + argv


def _is_flag(argument):
    return argument.startswith("-") and not re.fullmatch(r"-[\d.].*", argument)


def _check_path(config, path):
    config_checks.check_field_path(config, path)
    head, _, name = path.partition(".")
    if path in ("model", *_groups(config)):
        example = "model.name" if head == "model" else f"{head}.{_groups(config)[head]}"
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


def _groups(config):
    """Returns, for each part of the config that has fields, the name of its first one."""
    return {
        field.name: dataclasses.fields(field.type)[0].name
        for field in dataclasses.fields(config)
        if dataclasses.is_dataclass(field.type)
    }


def _current(config, path):
    """Returns the value at a path that exists, or None for a model's argument not given so far."""
    here = config
    for part in path.split("."):
        here = getattr(here, part, None)
    return here


def _apply(config, path, group):
    """Sets one field through `config_flags`, which knows its type and copies the config."""
    from ml_collections import config_flags  # 0.1 s, which `--help` need not wait for

    if path.startswith("model.") and group[-1].text == "None":
        return _with_model_argument(config, path, None)  # Not a type, so nothing to parse.
    config, text = _typed(config, path, group)
    argument = f"--config.{path}={text}"
    flag_values = flags.FlagValues()
    try:
        holder = config_flags.DEFINE_config_dataclass(
            "config", config, sys_argv=[argument], flag_values=flag_values
        )
        flag_values(["lm-zoo", argument])
    except (flags.Error, TypeError, ValueError) as error:
        config_checks.validate(config)  # The config itself may be what is wrong.
        raise _does_not_fit(config, path, group[-1].text) from error
    return holder.value


def _typed(config, path, group):
    """Returns the config, ready to tell `config_flags` the field's type, and the value's text."""
    last, current = group[-1], _current(config, path)
    is_argument = path.startswith("model.") and path not in ("model.name", "model.size")
    if last.negated and last.text is not None:
        raise UserError(f"--noconfig.{path}: it takes no value, received {last.text!r}.")
    if isinstance(current, tuple) and not is_argument:
        return config, repr(tuple(part for item in group for part in _strings(path, item)))
    text = last.text
    if text is None:
        if not isinstance(current, bool) and not (is_argument and current is None):
            raise _does_not_fit(config, path, "false" if last.negated else None)
        text = "false" if last.negated else "true"
    return _typed_model_argument(config, path, text) if is_argument else (config, text)


def _typed_model_argument(config, path, text):
    """Model arguments have no declared type: it is that of the config's value, or else the text's.

    A whole number in the config may become a fraction (`dropout=0`, then 0.1): the model class
    decides.
    """
    current, value = _current(config, path), _literal(text)
    if current is not None and not (type(current) is int and type(value) is float):
        return config, text
    if not isinstance(value, (bool, int, float, str, tuple)):
        raise UserError(
            f"config.{path}: expected a number, true, false, a string or a tuple, received "
            f"{text!r}."
        )
    return _with_model_argument(config, path, value), str(value)


def _with_model_argument(config, path, value):
    arguments = {**vars(config.model), path.partition(".")[2]: value}
    return dataclasses.replace(config, model=config_lib.ModelConfig(**arguments))


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
        raise UserError(f"config.{path}: expected {_KINDS[tuple]}, received nothing.")
    value = _literal(text) if text.startswith(("(", "[")) else text
    if isinstance(value, str) and value != text:  # ("a") is "a"
        value = (value,)
    if isinstance(value, tuple) and all(isinstance(part, str) for part in value):
        return value
    # A pattern, too, may begin with a bracket: [0-9]*.txt is none of Python's, [12] has no strings.
    if re.match(r"[(\[]\s*['\"]", text) or (text.startswith("(") and value != text):
        raise UserError(f"config.{path}: expected {_KINDS[tuple]}, received {text!r}.")
    return [part.strip() for part in text.split(",") if part.strip()]


def _does_not_fit(config, path, text):
    current = _current(config, path)
    kind = next((f.type for f in _siblings(config, path) if f.name == path.split(".")[-1]), None)
    expected = _KINDS.get(kind or type(current), "a value")
    if text is not None:
        return UserError(f"config.{path}: expected {expected}, received {text!r}.")
    return UserError(
        f"config.{path}: expected {expected}, received nothing; give it as --config.{path}=VALUE."
    )


def _siblings(config, path):
    holder = _current(config, path.rpartition(".")[0]) if "." in path else config
    return dataclasses.fields(holder) if dataclasses.is_dataclass(holder) else ()
