"""Writes a model that was not trained in its folder as a run: an import, or `Run.save`."""

import contextlib
import json
import shutil

from lm_zoo import checkpoints, files
from lm_zoo.config import config_json
from lm_zoo.data.cache import writing
from lm_zoo.data.examples import save_preprocessors
from lm_zoo.errors import UserError


def check_unused(folder):
    """Raises a `UserError` if a `RunFolder` holds anything but what a killed `write_run` left."""
    if not folder.exists():
        folder.check_unused()
    elif not _is_unfinished(folder):
        raise UserError(f"workdir: {folder.path} already holds a run; give another --workdir.")


def write_run(folder, task, model, step, record, metadata=None, origin=None):
    """Writes the run. The checkpoint comes last: what a killed process left has none.

    Args:
        folder: The `RunFolder`; new or empty.
        task: The `Task`, whose config and preprocessors are the run's.
        model: The model.
        step: Updates that it has seen.
        record: What the run's `data.json` has.
        metadata: What the checkpoint has besides the model.
        origin: The `RunFolder` whose held-out texts and tokens the run gets, or None.

    Raises:
        UserError: If the folder is used or cannot be written; nothing is left behind.
    """
    from lm_zoo.model_tensors import (
        model_tensors,  # it loads TensorFlow, which a check needs not
    )

    existed = folder.path.is_dir()
    with writing(folder.path, "workdir"), folder.locked():
        check_unused(folder)  # another process may have been faster
        try:
            if origin:
                _copy_held_out(origin, folder, task.fields)
            save_preprocessors(task.fields, task.preprocessors, folder.tokenizer_path)
            files.write_atomically(folder.data_path, json.dumps(record, indent=2) + "\n")
            files.write_atomically(folder.config_path, config_json.dumps(task.config))
            checkpoints.save(folder.checkpoints, step, model_tensors(model), metadata or {})
        except BaseException:
            _clear(folder, existed)
            raise


def _copy_held_out(origin, folder, fields):
    for field in fields:
        if origin.held_out_path(field.name).is_dir():
            path = folder.held_out_path(field.name)
            shutil.copytree(origin.held_out_path(field.name), path, dirs_exist_ok=True)
    if origin.held_out_records.is_file():
        shutil.copy(origin.held_out_records, folder.held_out_records)


def _is_unfinished(folder):
    """Whether a process was killed here before it had written the weights."""
    with contextlib.suppress(UserError):
        record = folder.data_record()
        written = "imported" in record or "saved" in record
        return written and not checkpoints.steps(folder.checkpoints)
    return False


def _clear(folder, existed):
    if not existed:
        shutil.rmtree(folder.path, ignore_errors=True)
        return
    for path in (folder.config_path, folder.data_path, folder.held_out_records):
        path.unlink(missing_ok=True)
    (folder.path / ".lock").unlink(missing_ok=True)
    for path in (folder.fields, folder.checkpoints):
        shutil.rmtree(path, ignore_errors=True)
