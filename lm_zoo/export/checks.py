"""What is wrong with an export, as far as it is found without the model and without TensorFlow."""

import re

from lm_zoo.errors import UserError, did_you_mean, unknown_name
from lm_zoo.export.formats import FORMATS, OF_ANY_TASK, OF_OTHERS, OPTIONS, SAVED_MODEL
from lm_zoo.files import check_writable, checksums, expanded
from lm_zoo.files.versions import newest_version


def check_export(config, predictions, output, format, options):
    """Raises a `UserError` for what cannot be exported.

    Args:
        config: The run's `ExperimentConfig`.
        predictions: Name -> `Prediction`, of its task.
        output: The folder to write to.
        format: Which of `FORMATS`.
        options: Option name -> value.
    """
    if format not in FORMATS:
        raise unknown_name("format", format, FORMATS)
    task = config.task.name
    if format not in OF_ANY_TASK and task not in OF_OTHERS:
        raise UserError(
            f"format: {format!r} is for the task {' or '.join(OF_OTHERS)}, and this "
            f"{config.model.name} has the task {task}; expected "
            f"{' or '.join(map(repr, OF_ANY_TASK))}."
        )
    known = ("name", *OPTIONS.get(format, ()))
    for option in options:
        if option not in known:
            listed = ", ".join(known)
            raise UserError(
                f"{option}: the format {format!r} has no such option; expected one of: {listed}."
            )
    checked_names(task, predictions, options.get("signatures"))
    if options.get("name"):
        check_name(options["name"])
    output = expanded(output)
    if output.exists() and not output.is_dir():
        raise UserError(f"output: {output} is a file; expected a folder.")
    check_writable(output)


def check_versions(folder, format):
    """Raises a `UserError` if a folder has versions of another kind, which servers cannot tell."""
    if not folder.is_dir():
        return
    newest = newest_version(folder)
    is_served = (newest / "saved_model.pb").exists()
    is_export = is_served or (newest / checksums.FILE_NAME).exists()
    if is_export and is_served != (format == SAVED_MODEL):
        raise UserError(
            f"name: {folder} has versions of another format; give another --name or --output."
        )


def check_name(name):
    """Raises a `UserError` for a name that a server's address cannot have."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", name):
        raise UserError(
            f"name: expected letters, digits and any of '_.-', received {name!r}; give another "
            "--name."
        )


def checked_names(task, predictions, names=None):
    """Returns names of predictions, or for None all that the task has, in their order.

    Args:
        task: The task's name.
        predictions: Name -> `Prediction`, of the task.
        names: Those that are asked for.

    Raises:
        UserError: If the task has no such prediction, or none is given.
    """
    known = list(predictions)
    names, listed = known if names is None else list(names), ", ".join(known)
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known)
            raise UserError(f"signatures: the task {task} has no {name!r}.{hint} It has {listed}.")
    if not names:
        raise UserError(f"signatures: expected at least one of {listed}, received none.")
    return tuple(name for name in known if name in names)
