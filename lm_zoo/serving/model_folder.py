"""Finding the exported model in a folder."""

from lm_zoo.errors import UserError
from lm_zoo.files import expanded
from lm_zoo.files.versions import versions_of


def find_version(folder):
    """Finds the newest version of an exported model.

    Args:
        folder: `NAME`, with a folder for each version in it, or one version's folder.

    Returns:
        `(name, version, path)`: version a whole number, path that of the SavedModel.

    Raises:
        UserError: If there is none.
    """
    folder = expanded(folder)
    if not folder.is_dir():
        raise UserError(f"model: {folder} is not a folder; give what `lm-zoo export` wrote.")
    folder = folder.resolve()
    if (folder / "saved_model.pb").exists():
        if folder.name.isdecimal():
            return folder.parent.name, int(folder.name), folder
        return folder.name, 1, folder
    if versions := _versions(folder):
        return folder.name, *max(versions.items())
    inside = sorted(path.name for path in folder.iterdir() if path.is_dir() and _versions(path))
    hint = f" It contains models: give {folder}/{inside[0]}." if inside else ""
    raise UserError(
        f"model: {folder} has no exported model (no VERSION/saved_model.pb); give the folder NAME "
        f"that `lm-zoo export` wrote.{hint}"
    )


def _versions(folder):
    """The versions of a model, number -> path."""
    versions = versions_of(folder).items()
    return {number: path for number, path in versions if (path / "saved_model.pb").is_file()}
