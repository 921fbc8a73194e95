"""Shows what there is: tasks, models with their sizes and arguments, corpora, tokenizers, configs, ...

    lm-zoo list
    lm-zoo list configs

Without an argument it shows all of them.
"""

import ast
import dataclasses
import shutil

from lm_zoo import config
from lm_zoo.cli.flags import RegisterFlag
from lm_zoo.config import config_checks
from lm_zoo.config.config_files import shipped_configs
from lm_zoo.config.declared_classes import declared
from lm_zoo.errors import UserError, unknown_name
from lm_zoo.tables import definitions

FLAGS = (RegisterFlag,)


def first_argument(arguments):
    return KINDS


def run(flag_values, arguments):
    if len(arguments) > 1:
        raise UserError(f"expected at most one kind, received {' '.join(arguments)!r}.")
    if arguments and arguments[0] not in KINDS:
        raise unknown_name("list", arguments[0], KINDS)
    for kind in arguments or KINDS:
        print(f"{kind}:")
        rows = KINDS[kind]()
        width = max((len(name) for name, _ in rows), default=0)
        columns = min(shutil.get_terminal_size((100, 24)).columns, 120)
        print(*definitions(rows, width + 4, max(columns, width + 34)), sep="\n")
        if not arguments:
            print()


def tasks():
    """Returns `(name, what it is, its fields and predictions)` of every registered task."""
    from lm_zoo.tasks import TASKS, declaration

    rows = []
    for name in TASKS:
        task = declaration(name)
        fields = ", ".join(field.name for field in task.fields)
        predictions = ", ".join(task.predictions)
        about = first_line(declared(TASKS, name).__doc__)
        rows.append((name, f"{about} Fields: {fields}. Predictions: {predictions}."))
    return rows


def models():
    """Returns `(name, what it is, its sizes and its arguments)` of every registered model."""
    from lm_zoo.models import MODELS

    rows = []
    for name in MODELS:
        model = declared(MODELS, name)
        about = first_line(model.__doc__)
        if model.SIZES:
            about += f" Sizes: {', '.join(model.SIZES)}."
        names = [n for n in model.constructor_parameters() if n not in config_checks.FOLLOWING]
        rows.append((name, f"{about} Arguments: {', '.join(names)}."))
    return rows


def corpora():
    from lm_zoo.data.corpora import CORPORA

    return [
        (name, getattr(corpus, "about", None) or first_line(corpus.__doc__))
        for name, corpus in CORPORA.items()
    ]


def cleaning():
    from lm_zoo.text.cleaning import CLEANING_STEPS

    return [(name, first_line(step.function.__doc__)) for name, step in CLEANING_STEPS.items()]


def tokenizers():
    from lm_zoo.text.tokenizers import TOKENIZERS

    return [(name, first_line(tokenizer.__doc__)) for name, tokenizer in TOKENIZERS.items()]


def optimizers():
    return _choices(config.OPTIMIZERS, config.OptimizerConfig)


def schedules():
    return _choices(config.SCHEDULES, config.ScheduleConfig)


def _choices(choices, section):
    """Returns `(name, what it is and its arguments)` of the names that a section may have."""
    names = [each.name for each in dataclasses.fields(section) if each.name != "name"]
    own = {name for _, arguments in choices.values() for name in arguments}
    rows = []
    for choice, (about, arguments) in choices.items():
        has = [name for name in names if name in arguments or name not in own]
        rows.append((choice, f"{about} Arguments: {', '.join(has)}."))
    return rows


def configs():
    """Returns `(name, first line of its docstring)` of every shipped config; none is executed."""
    rows = []
    for name, path in shipped_configs().items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        rows.append((name, first_line(ast.get_docstring(tree))))
    return rows


def first_line(docstring):
    return (docstring or "").strip().split("\n")[0]


_SHOWN = (tasks, models, corpora, cleaning, tokenizers, optimizers, schedules, configs)
KINDS = {each.__name__: each for each in _SHOWN}
ARGUMENTS = f"[{'|'.join(KINDS)}]"
