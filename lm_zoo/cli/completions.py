"""What may stand where a command line ends: commands, flags, fields of the config, names, files.

Nothing that the line names is run for it: no config file, and no file of `--register`.
"""

import dataclasses
import importlib
import pathlib
import re
import shlex

from lm_zoo.checked_fields import facts_of, field_types, type_beside_none
from lm_zoo.cli.main import COMMANDS, flags_of
from lm_zoo.cli.option_flags import is_path_flag
from lm_zoo.cli.run_flags import run_of_arguments, values_given
from lm_zoo.config import config_checks
from lm_zoo.config.config_fields import NamedConfig
from lm_zoo.config.config_files import read_config, shipped_configs
from lm_zoo.config.declared_classes import declared
from lm_zoo.errors import UserError
from lm_zoo.models import MODELS
from lm_zoo.registration import REGISTRIES, registry

_SPECIAL = re.compile(r"""([\s'"\\$`&|;<>()*?\[\]{}!#])""")  # to a shell
_PLAIN = "quickstart_lstm"  # whose fields are offered where a config is a file, which is not run


def shell_words(line, breaks=""):
    """Returns the words that may stand in place of the last one of a command line, as a shell's.

    Args:
        line: What is typed, up to the cursor: `lm-zoo train --config=quick`.
        breaks: Characters after the last of which the shell puts what it is given.
    """
    words, is_quoted = _split(line)
    kept = max(words[-1].rfind(each) for each in breaks) + 1 if breaks else 0
    found = [word[kept:] for word in completions(words)]
    return found if is_quoted else [_SPECIAL.sub(r"\\\1", word) for word in found]


def completions(words):
    """Returns the words that may stand in place of the last one, which is "" where none is begun.

    Args:
        words: Of the command line, the program's name first.
    """
    _, *words, current = words
    if "launch" in words[:1] and "--" in words:
        words = words[words.index("--") + 1 :]
    if not words or words == ["help"]:
        return _beginning(current, [*COMMANDS, "help"] if not words else COMMANDS)
    command, *arguments = words
    if command not in COMMANDS:
        return []
    module = importlib.import_module(COMMANDS[command][0])
    return _of_command(module, arguments, current)


def _split(line):
    """Returns `(words, is_quoted)`: as a shell has them, and whether a quotation has not ended."""
    for end in ("", "'", '"', "\\"):
        try:
            words = shlex.split(line + end)
        except ValueError:
            continue
        begins = not end and re.search(r"(?<!\\)\s$", line)
        return words + [""] * bool(begins), bool(end)
    return ["", ""], False


def _of_command(module, arguments, current):
    known = [each for each in arguments if not each.startswith("--register")]
    try:
        flag_values = flags_of(module, known)
    except UserError:  # the run is none, or has what is registered
        flag_values = flags_of(module, [])
    name, separator, value = current.partition("=")
    if current.startswith("--") and separator:
        found = _values(name.lstrip("-"), value, flag_values, known)
        return [f"{name}={each}" for each in found]
    if current.startswith("-"):
        return _flags(current, flag_values, known)
    last = arguments[-1] if arguments else ""
    if last.startswith("--") and "=" not in last and _takes_value(last[2:], flag_values):
        return _values(last[2:], current, flag_values, known)
    if not hasattr(module, "ARGUMENTS"):
        return []
    names = module.first_argument(known) if hasattr(module, "first_argument") else ()
    if any(name in arguments for name in names) or not names:
        return _paths(current)
    return _beginning(current, names)


def _takes_value(name, flag_values):
    return name.startswith("config.") or (name in flag_values and not flag_values[name].boolean)


def _flags(current, flag_values, arguments):
    """Returns flags; of the config, one part of a field's path at a time."""
    if current.startswith("--config.") and "config" in flag_values:
        return _fields(current, _config(arguments))
    flags = [flag_values[name] for name in flag_values if flag_values[name].name == name]
    found = [f"--{flag.name}" if flag.boolean else f"--{flag.name}=" for flag in flags]
    return _beginning(current, [*found, *(["--config."] * ("config" in flag_values)), "--help"])


def _config(arguments):
    """Returns the `ExperimentConfig` that overrides apply to, as far as nothing is run for it."""
    *_, source = ["", *values_given("config", arguments)]
    folder = run_of_arguments(arguments)
    try:
        if source.endswith(".json") or source in shipped_configs():
            config = read_config(source)
        else:
            config = folder.config() if folder else read_config(_PLAIN)
        for path in config_checks.NAMES:
            for name in values_given(f"config.{path}", arguments):
                config_checks.set_value(config, path, name)
    except UserError:
        config = read_config(_PLAIN)
    return config


def _fields(current, config):
    *parents, _ = current.removeprefix("--config.").split(".")
    head = "".join(f"{part}." for part in parents)
    try:
        names = _names_in(config_checks.value_at(config, head[:-1]) if head else config)
    except (UserError, AttributeError):
        return []
    paths = [f"--config.{head}{name}" for name in names]
    return _beginning(current, paths)


def _names_in(section):
    """Returns the names of a section's fields, with what comes after them."""
    if isinstance(section, NamedConfig):
        cls = config_checks.arguments_class(section)
        if cls is None:
            parameters = declared(MODELS, section.name).constructor_parameters()
            arguments = [name for name in parameters if name not in config_checks.FOLLOWING]
        else:
            arguments = field_types(cls)
        return [f"{name}=" for name in (*section.OWN, *arguments)]
    if not dataclasses.is_dataclass(section):
        return []
    names = [field.name for field in dataclasses.fields(section)]
    sections = [name for name in names if _names_in(getattr(section, name))]
    return [f"{name}." if name in sections else f"{name}=" for name in names]


def _values(name, begun, flag_values, arguments):
    """Returns values of a flag."""
    if name.startswith("config."):
        return _field_values(name.removeprefix("config."), begun, _config(arguments))
    if name not in flag_values:
        return []
    flag = flag_values[name]
    if name == "config":
        return _beginning(begun, shipped_configs()) + _paths(begun)
    if name == "checkpoint":
        return _beginning(begun, ["best", "latest", "average:", *_steps(arguments)])
    if name == "split":
        from lm_zoo.data.corpora.corpus import SPLITS

        return _beginning(begun, SPLITS)
    if flag.boolean:
        return _beginning(begun, ["true", "false"])
    if is_path_flag(flag):
        return _paths(begun)
    return _beginning(begun, getattr(flag.parser, "enum_values", None) or ())


def _field_values(path, begun, config):
    """Returns values of a field of the config."""
    head, _, name = path.rpartition(".")
    section = config_checks.value_at(config, head) if head else config
    if name == "name" and head in REGISTRIES:
        return _beginning(begun, registry(head))
    if head == "model":
        model = declared(MODELS, section.name)
        if name == "size":
            return _beginning(begun, model.SIZES)
        kind, choices = getattr(model.constructor_parameters().get(name), "annotation", int), ()
    else:
        is_named = isinstance(section, NamedConfig)
        cls = config_checks.arguments_class(section) if is_named else type(section)
        facts = {field.name: facts_of(field) for field in dataclasses.fields(cls)}
        if name not in facts:
            return []
        kind, choices = type_beside_none(field_types(cls)[name])[0], facts[name].choices
    choices = ("true", "false") if kind is bool else choices
    return (
        _paths(begun)
        if kind not in (bool, int, float) and not choices
        else _beginning(begun, choices)
    )


def _steps(arguments):
    from lm_zoo import checkpoints

    folder = run_of_arguments(arguments)
    return map(str, checkpoints.steps(folder.checkpoints)) if folder else ()


def _beginning(begun, names):
    return sorted(name for name in names if name.startswith(begun))


def _paths(begun):
    """Returns files and folders; of a list with commas, what its last part may be."""
    head, comma, begun = begun.rpartition(",")
    folder, slash, name = begun.rpartition("/")
    place = pathlib.Path(folder + slash or ".").expanduser()
    try:
        names = sorted(each.name + "/" * each.is_dir() for each in place.iterdir())
    except OSError:
        return []
    shown = [each for each in names if name.startswith(".") or not each.startswith(".")]
    return [f"{head}{comma}{folder}{slash}{each}" for each in _beginning(name, shown)]
