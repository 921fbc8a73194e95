"""Measures a run's model: perplexity with its ledger, and what else its task has.

    lm-zoo evaluate --workdir=runs/quickstart_lstm --split=test
    lm-zoo evaluate --workdir=runs/quickstart_transformer --sequence_length=128 --stride=32 --json
    lm-zoo evaluate --workdir=runs/quickstart_transformer --strategy=mirrored
    lm-zoo launch --workers=2 -- evaluate --workdir=runs/quickstart_transformer

    lm-zoo evaluate --workdir=runs/de_en --num_beams=5
    lm-zoo evaluate --workdir=runs/de_en --sources=news.de --references=news.en
    lm-zoo evaluate --workdir=runs/de_en --translations=others.en --split=test

The report is printed as a table (or JSON) and kept in the workdir as results/evaluation-SPLIT.json.
Several devices or processes share the rows (--batch_size) and find the same figures. Of a
translation model it is the perplexity of the targets given their sources; its translations of them,
with their scores by sacrebleu, are kept as results/translation-SPLIT.txt and .json.
"""

import dataclasses
import json
import pathlib

from lm_zoo.checked_fields import field
from lm_zoo.cli.distribution_flags import DeviceFlags, distribution_of_flags
from lm_zoo.cli.flags import RunFlags
from lm_zoo.cli.loading import check_checkpoint, check_split, load_tensorflow
from lm_zoo.cli.option_flags import define_option_flags, options_of_flags
from lm_zoo.cli.results import show_and_keep
from lm_zoo.cli.run_flags import task_of_arguments
from lm_zoo.errors import UserError
from lm_zoo.tasks import TASKS, declaration, task_class


@dataclasses.dataclass
class EvaluateFlags:
    split: str = field("test", help="train, validation or test.")
    json: bool = field(False, help="Print JSON instead of the table.")


FLAGS = (RunFlags, EvaluateFlags, DeviceFlags)


def define_task_flags(flag_values, arguments):
    """Adds the options of the run's task; where no run is named, those of all tasks."""
    task = task_of_arguments(arguments)
    for name in [task] if task else TASKS:
        label = "" if task else f"For {name}: "
        define_option_flags(declaration(name).evaluation_options, flag_values, label)


def refuse_unknown(name, arguments):
    """Says of a flag that another task has that this run's has not; else what its task takes."""
    task = task_of_arguments(arguments)
    if not task:
        return ""
    takes = f"takes {', '.join(f'--{each}' for each in _options_of(task))}"
    others = [other for other in TASKS if other != task and name in _options_of(other)]
    if others:
        raise UserError(
            f"--{name}: it is for the task {' or '.join(others)}, and this run is of {task}, which "
            f"{takes}; leave it out."
        )
    return f" The task {task} {takes}."


def _options_of(task):
    return [field.name for field in dataclasses.fields(declaration(task).evaluation_options)]


def run(flag_values, arguments):
    from lm_zoo.run_folder import RunFolder

    check_split(flag_values.split)
    folder = RunFolder(flag_values.workdir).require()
    config = folder.config()
    options = options_of_flags(declaration(config.task.name).evaluation_options, flag_values)
    name = _name_of(type(options), flag_values)
    if hasattr(options, "check"):
        options.check(name)
    if getattr(options, "needs_model", True):
        check_checkpoint(flag_values)
    load_tensorflow()
    from lm_zoo.run import load

    report = task_class(config.task.name).evaluate_given(config, folder, name, options)
    if report is None:
        same = ("split", "checkpoint", *_options_of(config.task.name))
        distribution = distribution_of_flags(flag_values, same)
        loaded = load(flag_values.workdir, flag_values.checkpoint, distribution)
        report = loaded.report(name, options)
        if not distribution.is_chief:
            return
    _show(report, folder, name, flag_values.json)


def _name_of(cls, flag_values):
    """Returns what is measured: a split, or the file that is given in its place."""
    for option in dataclasses.fields(cls):
        paths = flag_values[option.name].value
        if option.metadata.get("names_result") and paths:
            return pathlib.Path(paths[0]).name
    return flag_values.split


def _show(report, folder, name, as_json):
    """Prints a report and writes it to the run's results."""
    shown = report.table()
    if as_json:
        shown = json.dumps(report.to_dict(), indent=2, ensure_ascii=False)
    results = report.results(name)
    if not results:
        print(shown)
        return
    show_and_keep(
        shown,
        "the report",
        lambda: [folder.write_result(file, values) for file, values in results.items()],
        says_where=not as_json,
    )
