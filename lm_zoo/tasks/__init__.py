"""The tasks by name. A new task is one folder here, and one line below."""

import importlib
import typing

from lm_zoo.errors import unknown_name

TASKS = {
    "language_modeling": "lm_zoo.tasks.language_modeling.task:LanguageModeling",
    "translation": "lm_zoo.tasks.translation.task:Translation",
}


class Declaration(typing.NamedTuple):
    """What a config is held to, of a task.

    Attributes:
        arguments: The dataclass of what `config.task` may say besides the name.
        monitors: Figure -> `min` or `max`: what `training.best_by` may name.
        fields: The `Field`s of a record.
        evaluation_options: The dataclass of what an evaluation can be asked for.
        predictions: Name -> `Prediction`: what a run can be asked for.
    """

    arguments: type
    monitors: dict
    fields: tuple
    evaluation_options: type
    predictions: dict


def task_class(name):
    """Returns the `Task` class that a name stands for.

    Raises:
        UserError: For an unknown name.
    """
    return resolve(_found(name))


def declaration(name):
    """Returns the `Declaration` of a task.

    A task that is registered as `package.task:Class` has it in `package.arguments`,
    `package.evaluation_options` and `package.predictions`, which are read without TensorFlow; one
    that is registered as a class, in its attributes.

    Raises:
        UserError: For an unknown name.
    """
    found = _found(name)
    if not isinstance(found, str):
        return Declaration(
            found.Arguments,
            found.monitors,
            found.fields,
            found.EvaluationOptions,
            found.predictions,
        )
    package = found.partition(":")[0].rpartition(".")[0]
    module, options, asked = (
        importlib.import_module(f"{package}.{name}")
        for name in ("arguments", "evaluation_options", "predictions")
    )
    return Declaration(
        module.Arguments,
        module.MONITORS,
        module.FIELDS,
        options.EvaluationOptions,
        asked.PREDICTIONS,
    )


def fields_of(config):
    """Returns the `Field`s of the records that a config's task learns from."""
    return declaration(config.task.name).fields


def task_arguments(config):
    """Returns the task's arguments as the dataclass that they are declared by.

    Args:
        config: A resolved `ExperimentConfig`.
    """
    return declaration(config.task.name).arguments(**config.task.arguments)


def resolve(path):
    """Returns what `module:name` stands for; other values are returned as they are."""
    if not isinstance(path, str):
        return path
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)


def _found(name):
    if not isinstance(name, str) or name not in TASKS:
        raise unknown_name("config.task.name", name, TASKS)
    return TASKS[name]
