"""Asks a trained run for any prediction of its task.

    lm-zoo predict next_token --workdir=runs/quickstart_lstm --text="The class" --k=3
    lm-zoo predict embed --workdir=runs/quickstart_lstm --input=texts.txt --json
    lm-zoo predict score --workdir=runs/de_en --input=pairs.tsv
    lm-zoo predict translate --workdir=runs/de_en --input=news.jsonl --format=jsonl
    lm-zoo predict --workdir=runs/de_en --help

Texts are given by flags of their inputs' names, which may be repeated, or in files: a text a line;
where a prediction has several text inputs, one of each with tabs between them, in the order of the
inputs; or as JSON objects with the texts by the inputs' names. Each is answered as soon as those of
its batch are.
"""

import dataclasses
import sys

from lm_zoo.checked_fields import field, require
from lm_zoo.cli import prediction_flags
from lm_zoo.cli.distribution_flags import DeviceFlags
from lm_zoo.cli.flags import RunFlags
from lm_zoo.cli.option_flags import define_input_flags
from lm_zoo.cli.prediction_text import as_json, as_text
from lm_zoo.cli.run_flags import task_of_arguments
from lm_zoo.errors import UserError, unknown_name
from lm_zoo.tables import definitions
from lm_zoo.tasks import TASKS, declaration
from lm_zoo.tasks.prediction import TEXTS_AT_ONCE


@dataclasses.dataclass
class PredictFlags:
    input: tuple[str, ...] = field(
        (),
        repeated=True,
        is_path=True,
        help="UTF-8 file of texts; may be given several times; - or nothing is standard input.",
    )
    format: str | None = field(
        None,
        choices=("lines", "tsv", "jsonl"),
        help="A text a line; one of each text input, with tabs between them; or a JSON object a "
        "line. Default: lines, for several text inputs tsv.",
    )
    json: bool = field(False, help="Print one JSON object per text.")


ARGUMENTS = "NAME"
FLAGS = (RunFlags, PredictFlags, DeviceFlags)


def define_task_flags(flag_values, arguments):
    """Adds the inputs of the prediction that is named; where none is, those of the run's task."""
    task, name = task_of_arguments(arguments), _name_in(arguments, flag_values)
    predictions = prediction_flags.predictions_named(name, arguments)
    if not name and task:
        predictions = declaration(task).predictions
    prediction_flags.define_prediction_flags(predictions, flag_values)
    define_input_flags([TEXTS_AT_ONCE], flag_values)


def first_argument(arguments):
    """Returns the names of the predictions: of the run's task, or of all tasks."""
    tasks = [task_of_arguments(arguments) or ""]
    tasks = tasks if tasks[0] else TASKS
    return {name: None for task in tasks for name in declaration(task).predictions}


def describe(arguments):
    """Returns what there is to ask for: of the run's task, or of all tasks."""
    task = task_of_arguments(arguments)
    lines = []
    for each in [task] if task else TASKS:
        lines += ["", f"predictions of {each}:"]
        rows = []
        for name, prediction in declaration(each).predictions.items():
            inputs = f" ({_flags_of(prediction.inputs)})" if task else ""
            rows.append((name, f"{prediction.help.removesuffix('.')}{inputs}."))
        lines += definitions(rows, 18, 100)
    return "\n".join(lines)


def refuse_unknown(flag, arguments):
    """Says of a flag that another prediction has that this one has not."""
    known = first_argument(arguments)
    names = [each for each in arguments if not each.startswith("-")]
    if len(names) == 1 and names[0] not in known and not any(n in known for n in arguments):
        raise unknown_name("predict", names[0], known)
    task = task_of_arguments(arguments)
    if not task:
        return ""
    predictions = declaration(task).predictions
    name = next((argument for argument in arguments if argument in predictions), None)
    owners = [
        other
        for other, prediction in predictions.items()
        if flag in [each.name for each in prediction.inputs]
    ]
    if name and owners:
        raise UserError(
            f"--{flag}: it is an input of {' and '.join(owners)}, and {name} takes "
            f"{_flags_of(predictions[name].inputs)}; leave it out."
        )
    return ""


def run(flag_values, arguments):
    prediction_flags.require_one_process("predict")
    if len(arguments) != 1:
        received = f"received {' '.join(arguments)!r}" if arguments else "received nothing"
        raise UserError(
            f"predict: expected the name of one prediction, {received}; `lm-zoo predict "
            f"--workdir={flag_values.workdir} --help` lists them."
        )
    (name,) = arguments
    prediction = prediction_flags.prediction_of_run(name, flag_values)
    texts = _texts(prediction, flag_values)
    values = prediction_flags.settings_of_flags(prediction, flag_values)
    prediction.checked(list(texts.values()), values)  # before the model is loaded
    loaded = prediction_flags.load_on_devices(flag_values)
    for begin, end, outputs in _answers(loaded, name, prediction, texts, values, flag_values):
        for row, found in enumerate(prediction.rows(outputs, end - begin), begin):
            _show(row, texts, found, prediction, flag_values.json)
        sys.stdout.flush()


def _name_in(arguments, flag_values):
    """Returns the first argument that is neither a flag nor the value of one, or None."""
    is_value = False
    for argument in arguments:
        if argument.startswith("-"):
            name = argument.lstrip("-")
            is_value = name in flag_values and not flag_values[name].boolean
        elif not is_value:
            return argument
        else:
            is_value = False
    return None


def _texts(prediction, flag_values):
    """Returns the name of each text input -> its texts."""
    from lm_zoo.cli.text_inputs import columns_of_file

    names = [each.name for each in prediction.texts]
    given = {name: flag_values[name].value for name in names}
    form = flag_values.format or ("lines" if len(names) == 1 else "tsv")
    if any(given.values()):
        if flag_values.input or flag_values.format:
            other = "--input" if flag_values.input else "--format"
            raise UserError(
                f"{other}: expected texts either in files or by {_flags_of(prediction.texts)}, "
                "received both."
            )
        return given
    fits = form != "lines" or len(names) == 1
    require(fits, "--format", f"tsv or jsonl for the texts {' and '.join(names)}", form)
    texts = {name: [] for name in names}
    for path in flag_values.input or ["-"]:
        for name, more in columns_of_file(path, form, dict(zip(names, names))).items():
            texts[name] += more
    return texts


def _flags_of(inputs):
    return ", ".join(f"--{each.name}" for each in inputs)


def _answers(loaded, name, prediction, texts, values, flag_values):
    """Yields `(begin, end, outputs)` of texts from one place to another, batch by batch."""
    rows = list(zip(*texts.values()))
    at_once = flag_values.batch_size
    if prediction.tells_equal_texts_apart and len(set(rows)) < len(rows):
        at_once = max(len(rows), 1)  # or those of another batch would get the same answers
    for begin in range(0, len(rows), at_once):
        end = min(begin + at_once, len(rows))
        part = [column[begin:end] for column in texts.values()]
        try:
            yield begin, end, loaded.predict(name, *part, **values)
        except UserError as error:
            if len(rows) <= at_once:
                raise
            raise UserError(f"texts {begin + 1:,} to {end:,}: {error}") from error


def _show(row, texts, outputs, prediction, is_json):
    of_row = {name: column[row] for name, column in texts.items()}
    if is_json:
        print(as_json(of_row, outputs))
        return
    count = len(next(iter(texts.values())))
    shown = next(iter(of_row.values()))
    if len(of_row) > 1:
        shown = "; ".join(f"{name}: {text}" for name, text in of_row.items())
    print(as_text(f"{row + 1} of {count}: {shown}", outputs, prediction))
