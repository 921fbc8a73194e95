"""Writes a run in one of the forms, into a folder that appears whole or not at all."""

import importlib
import re

from lm_zoo.export.checks import check_export, check_name
from lm_zoo.export.formats import EDITED, FORMATS, VERSIONED
from lm_zoo.export.new_folder import NewFolder, writing
from lm_zoo.files import checksums, expanded


def export(run, output, format="saved_model", **options):
    """Writes a `Run` for other programs.

    Args:
        run: The `Run`.
        output: For `saved_model` the folder of several models: the version that is written is
            `output/NAME/VERSION`, one more than the highest there, which is TensorFlow Serving's
            layout. For the other forms the folder to write, new or empty.
        format: One of `FORMATS`.
        **options: Of the form: the keyword arguments of its module's `write`.

    Returns:
        `(path, report)`: the folder, and lines of text that say what was verified,
        and the SHA-256 of the checksums of all files.

    Raises:
        UserError: For options that cannot be used, a folder that cannot be written, and a result
            that does not do what the run does. Nothing is left over then.
    """
    check_export(run.config, run.task.predictions, output, format, options)
    write = importlib.import_module(FORMATS[format][0]).write
    output = expanded(output)
    if format in VERSIONED:
        name = options["name"] = options.get("name") or _name_of(run.folder.path.resolve())
        check_name(name)
        parent = output / name
        place = NewFolder(parent, lambda: next_version(parent))
    else:
        place = NewFolder(output.absolute().parent, lambda: output.absolute().name)
    with place as folder:
        report = write(run, folder.path, **options)
        with writing(folder.path):
            digest = checksums.write(folder.path, EDITED.get(format, ()))
    said = f"Checksums in {checksums.FILE_NAME}, whose own SHA-256 is {digest}"
    return folder.path, "\n".join(filter(None, [report, said]))


def next_version(folder):
    """Returns the name of the next version: 1, or one more than the highest there."""
    versions = [int(path.name) for path in folder.iterdir() if path.name.isdecimal()]
    return str(max(versions, default=0) + 1)


def _name_of(folder):
    """Returns the name that a model has from its folder; others' signs would not do in addresses."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", folder.name).lstrip(".-")
