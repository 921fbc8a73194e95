"""Resolves a config: looks up its task and its corpus, fills in their defaults, checks everything.

Types and bounds stand beside the fields; here is what joins several. TensorFlow is not imported.
"""

import copy
import dataclasses

from lm_zoo.checked_fields import check_fields, field_types, require
from lm_zoo.config import (
    CorpusConfig,
    ExperimentConfig,
    ModelConfig,
    TaskConfig,
    TokenizerConfig,
)
from lm_zoo.config.config_fields import NamedConfig, made_from, unknown_field
from lm_zoo.config.config_json import flatten
from lm_zoo.config.declared_classes import declared
from lm_zoo.errors import UserError, nearest, unknown_name
from lm_zoo.models import MODELS
from lm_zoo.models.arguments import check_arguments
from lm_zoo.tasks import declaration

NAMES = ("task.name", "corpus.name", "model.name")  # they say which fields there are
# Arguments of models that follow from the rest of a config.
FOLLOWING = ("vocab_size", "source_vocab_size", "seed", "dtype")


def resolve(config, needs_corpus=True):
    """Returns a copy of a config that holds every argument, checked.

    Args:
        config: An `ExperimentConfig`.
        needs_corpus: Whether its text is read. A run can be used without: an unknown corpus then
            keeps its arguments as they are.

    Raises:
        UserError: Naming the field, what was expected and what was received.
    """
    config = copy.deepcopy(config)
    check_fields(config, "config")
    owned = {}
    for name in ("task", "corpus"):
        section = getattr(config, name)
        if name == "corpus" and not (needs_corpus or _is_registered(section)):
            continue
        owned[name] = made_from(arguments_class(section), section, f"config.{name}")
        setattr(config, name, type(section)(section.name, **_values(owned[name])))
    _check_model(config.model)
    _check_together(config)
    for arguments in owned.values():
        if hasattr(arguments, "check"):
            arguments.check(config)
    return config


def arguments_class(section):
    """Returns the dataclass of a section's arguments; None where only the registry knows it.

    Raises:
        UserError: For a name that nothing has.
    """
    if isinstance(section, TaskConfig):
        return declaration(section.name).arguments
    if isinstance(section, CorpusConfig):
        from lm_zoo.data.corpora import corpus_class

        return corpus_class(section.name)
    return None


def check_field_path(config, path):
    """Raises a `UserError` naming the nearest field if `path` ("data.batch_size") does not exist.

    The arguments in `model` are checked by `resolve`, those of a user's model when it is built.
    """
    here, walked = config, []
    for part in path.split("."):
        if isinstance(here, NamedConfig):
            cls = arguments_class(here)
            if cls is None:
                return
            names = [*here.OWN, *field_types(cls)]
            if part not in names:
                raise unknown_field(".".join(["config", *walked]), part, names, here.name)
        elif isinstance(here, dict):
            if part not in text_fields(config):
                raise unknown_name(f"config.{path}", part, text_fields(config))
        elif dataclasses.is_dataclass(here):
            names = [field.name for field in dataclasses.fields(here)]
            if part not in names:
                raise _unknown_path(config, path, part, names)
        else:
            raise UserError(f"config.{path}: {'.'.join(walked)} has no fields of its own.")
        walked.append(part)
        here = value_at(config, ".".join(walked))


def value_at(config, path):
    """Returns the value at a path that exists; None for an argument that is not given so far."""
    here = config
    for part in path.split("."):
        is_dict = isinstance(here, dict)
        here = here.get(part, TokenizerConfig()) if is_dict else getattr(here, part, None)
    return here


def set_value(config, path, value):
    """Sets a field of a config that is not resolved yet.

    Another name of a task, corpus or model keeps the arguments that it has too; a field that had no
    tokenizer of its own gets one when something of it is set.

    Args:
        config: An `ExperimentConfig`.
        path: Of a field that exists: `model.hidden_dim`.
        value: Its new value.
    """
    *parents, name = path.split(".")
    if path in NAMES:
        setattr(config, parents[0], named_section(getattr(config, parents[0]), value))
        return
    here = config
    for part in parents:
        if isinstance(here, dict):
            here = here.setdefault(part, TokenizerConfig())
        else:
            here = getattr(here, part)
    setattr(here, name, value)


def take_away(config, path):
    """Takes an argument of a task, a corpus or a model away: its default holds then.

    Args:
        config: An `ExperimentConfig` that is not resolved yet.
        path: Of the argument: `model.dropout`.
    """
    section, _, name = path.partition(".")
    vars(getattr(config, section)).pop(name, None)


def changed(config, changes):
    """Returns a resolved copy of a config with other values.

    Args:
        config: An `ExperimentConfig`.
        changes: Field -> value; of a section, a dict of its own: `{"training": {"steps": 9}}`.

    Raises:
        UserError: Naming the field, what was expected and what was received.
    """
    config, paths = copy.deepcopy(config), {}
    for name, value in changes.items():
        is_section = isinstance(value, dict)
        paths |= {f"{name}.{k}": v for k, v in value.items()} if is_section else {name: value}
    for path in sorted(paths, key=lambda path: path not in NAMES):
        check_field_path(config, path)
        set_value(config, path, paths[path])
    return resolve(config)


def changed_from_defaults(config):
    """Returns field -> value of a resolved config: what is no default, and names.

    Args:
        config: An `ExperimentConfig`.
    """
    plain = ExperimentConfig(model=ModelConfig(config.model.name))
    for name in ("task", "corpus"):
        section = getattr(config, name)
        fields = dataclasses.fields(arguments_class(section))
        defaults = {field.name: field.default for field in fields}
        setattr(plain, name, type(section)(section.name, **defaults))
    plain = flatten(plain)
    return {
        path: value
        for path, value in flatten(config).items()
        if path in NAMES or path not in plain or value != plain[path]
    }


def named_section(section, name):
    """Returns a section under another name, with those of its arguments that are also the other's.

    Args:
        section: A `TaskConfig`, `CorpusConfig` or `ModelConfig`; a model's size is kept if the
            other model has it.
        name: Its new name.
    """
    if name == section.name:
        return section
    if isinstance(section, ModelConfig):
        MODELS.require("config.model.name", name)
        cls = declared(MODELS, name)
        names = cls.constructor_parameters()
        kept = {key: value for key, value in section.arguments.items() if key in names}
        return ModelConfig(name, section.size if section.size in cls.SIZES else "", **kept)
    names = field_types(arguments_class(type(section)(name)))
    kept = {key: value for key, value in section.arguments.items() if key in names}
    return type(section)(name, **kept)


def text_fields(config):
    """Returns the names of the text fields of the config's task."""
    fields = declaration(config.task.name).fields
    return [field.name for field in fields if field.kind == "text"]


def _unknown_path(config, path, part, names):
    guess = nearest(path, _all_paths(config)) or nearest(part, names)
    if not guess:
        return unknown_name(f"config.{path}", part, names)
    return UserError(f"config.{path}: there is no such field. Did you mean config.{guess}?")


def _all_paths(config):
    paths = list(flatten(config))
    for name in ("task", "corpus"):
        names = field_types(arguments_class(getattr(config, name)))
        paths += [f"{name}.{argument}" for argument in names]
    return paths


def _values(made):
    return {field.name: getattr(made, field.name) for field in dataclasses.fields(made)}


def _check_model(section):
    """Checks a model's arguments by its source; those of one from outside, when it is built."""
    MODELS.require("config.model.name", section.name)
    if section.name in MODELS.outside:
        return
    check_follows(section, FOLLOWING)
    cls = declared(MODELS, section.name)
    if section.size and section.size not in cls.SIZES:
        raise unknown_name("config.model.size", section.size, cls.SIZES)
    names = cls.constructor_parameters().keys() - set(FOLLOWING)
    for name in section.arguments:
        if name not in names:
            raise unknown_name(f"config.model.{name}", name, names)
    check_arguments(cls, section.arguments, prefix="config.model.")


def check_follows(section, names):
    """Raises a `UserError` if a `ModelConfig` sets what is not set there."""
    for name in names:
        if name in section.arguments:
            raise UserError(
                f"config.model.{name}: it is not set here; it follows from the tokenizer, from "
                "config.seed and from config.training.precision."
            )


def _is_registered(section):
    from lm_zoo.data.corpora import CORPORA

    return section.name in CORPORA


def _check_together(config):
    for name in config.tokenizers:
        names = text_fields(config)
        if name not in names:
            raise unknown_name("config.tokenizers", name, names)
    monitors = declaration(config.task.name).monitors
    if config.training.best_by not in monitors:
        raise unknown_name("config.training.best_by", config.training.best_by, monitors)
    if config.optimizer.name == "lion":
        beta1, expected = config.optimizer.beta1, "above 0 with optimizer.name='lion'"
        require(beta1 > 0, "config.optimizer.beta1", expected, beta1)
    if not config.training.steps:
        epochs = config.training.epochs
        require(epochs > 0, "config.training.epochs", "above 0", epochs)
    rows, parts = config.data.batch_size, config.runtime.micro_batches
    expected = f"at most data.batch_size ({rows})"
    require(parts <= rows, "config.runtime.micro_batches", expected, parts)
