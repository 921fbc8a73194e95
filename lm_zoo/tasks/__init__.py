"""The tasks by name. A new task is one folder here, and one line below."""

import importlib

from lm_zoo.errors import unknown_name

TASKS = {
    "language_modeling": "lm_zoo.tasks.language_modeling.task:LanguageModeling",
    "translation": "lm_zoo.tasks.translation.task:Translation",
}


def task_class(name):
    """Returns the `Task` class that a name stands for.

    Raises:
        UserError: For an unknown name.
    """
    if not isinstance(name, str) or name not in TASKS:
        raise unknown_name("task.name", name, TASKS)
    return resolve(TASKS[name])


def resolve(path):
    """Returns what `module:name` stands for; other values are returned as they are."""
    if not isinstance(path, str):
        return path
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)
