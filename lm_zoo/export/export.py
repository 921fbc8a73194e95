"""Writes a run in one of the forms, into a folder that appears whole or not at all."""

import importlib
import re

from lm_zoo.export.checks import check_export, check_name, check_versions
from lm_zoo.export.formats import EDITED, FORMATS, SAVED_MODEL
from lm_zoo.export.new_folder import NewFolder, writing
from lm_zoo.files import checksums, expanded
from lm_zoo.files.versions import versions_of


def export(run, output, format="saved_model", **options):
    """Writes a `Run` for other programs.

    Args:
        run: The `Run`.
        output: The folder of several exports: what is written is `output/NAME/VERSION`, the version
            one more than the highest there. TensorFlow Serving needs this layout, and other
            libraries read any folder.
        format: One of `FORMATS`.
        **options: Of the form: the keyword arguments of its module's `write`; and for all of them
            `name`, by default the workdir's, with `-FORMAT` after it for all but `saved_model`.

    Returns:
        `(path, report)`: the folder, and lines of text that say what was verified,
        and the SHA-256 of the checksums of all files.

    Raises:
        UserError: For options that cannot be used, a folder that cannot be written, and a result
            that does not do what the run does. Nothing is left over then.
    """
    check_export(run.config, run.task.predictions, output, format, options)
    write = importlib.import_module(FORMATS[format][0]).write
    name = options.pop("name", "") or default_name(run.folder.path.resolve(), format)
    check_name(name)
    parent = expanded(output) / name
    check_versions(parent, format)
    if format == SAVED_MODEL:
        options["name"] = name  # what servers call it
    with NewFolder(parent, lambda: next_version(parent)) as folder:
        report = write(run, folder.path, **options)
        with writing(folder.path):
            digest = checksums.write(folder.path, EDITED.get(format, ()))
    said = f"Checksums in {checksums.FILE_NAME}, whose own SHA-256 is {digest}"
    return folder.path, "\n".join(filter(None, [report, said]))


def next_version(folder):
    """Returns the name of the next version: 1, or one more than the highest there."""
    return str(max(versions_of(folder), default=0) + 1)


def default_name(workdir, format):
    """Returns the name that an export has from its run; others' signs would not do in addresses."""
    name = re.sub(r"[^A-Za-z0-9_.-]+", "_", workdir.name).lstrip(".-")
    return name if format == SAVED_MODEL else f"{name}-{format}"
