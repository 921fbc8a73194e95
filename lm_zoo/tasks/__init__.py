"""The tasks by name. A new task is one folder here, and one line below."""

import importlib
import typing

from lm_zoo.registration import Registry


def _is_task(what):
    from lm_zoo.tasks.task import Task

    return isinstance(what, type) and issubclass(what, Task)


TASKS = Registry(
    "task",
    {
        "language_modeling": "lm_zoo.tasks.language_modeling.task:LanguageModeling",
        "text_classification": "lm_zoo.tasks.text_classification.task:TextClassification",
        "translation": "lm_zoo.tasks.translation.task:Translation",
    },
    _is_task,
    "a subclass of lm_zoo.tasks.task.Task",
)


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
    return TASKS.find("config.task.name", name)


def declaration(name):
    """Returns the `Declaration` of a task.

    One of lm_zoo's own has it in `package.arguments`, `package.evaluation_options` and
    `package.predictions`, which are read without TensorFlow; one from outside, in the attributes of
    its class.

    Raises:
        UserError: For an unknown name.
    """
    TASKS.require("config.task.name", name)
    if name in TASKS.outside or not isinstance(TASKS.data[name], str):
        found = TASKS[name]
        return Declaration(
            found.Arguments,
            found.monitors,
            found.fields,
            found.EvaluationOptions,
            found.predictions,
        )
    package = TASKS.data[name].partition(":")[0].rpartition(".")[0]
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
