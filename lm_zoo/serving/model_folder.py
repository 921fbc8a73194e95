"""Finding the exported model in a folder, and seeing that it is one of ours."""

import pathlib

from lm_zoo.errors import UserError
from lm_zoo.files import expanded, raise_if_of_system
from lm_zoo.json_files import NotJson, check, natural, read_json
from lm_zoo.tasks.prediction import CARD as PREDICTION

CARD = pathlib.Path("assets.extra", "lm_zoo", "model_card.json")
FIELDS = CARD.with_name("fields")  # NAME/tokenizer of each that has its own
FORMAT_VERSION = 2  # of the card
_READ_AGAIN = {  # of the card
    "model": str,
    "saved_model_needs?": (str, None),
    "task": str,
    "fields": {str: {"kind": str, "shares": str, "max_length": (natural, None)}},
    "predictions": {str: PREDICTION},
}


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
    versions = _versions(folder)
    if versions:
        version = max(versions)
        return folder.name, version, versions[version]
    inside = sorted(path.name for path in folder.iterdir() if path.is_dir() and _versions(path))
    hint = f" There are models in it: give {folder}/{inside[0]}." if inside else ""
    raise UserError(
        f"model: {folder} holds no exported model (no VERSION/saved_model.pb); give the folder "
        f"NAME that `lm-zoo export` wrote.{hint}"
    )


def read_card(path):
    """Returns the model card of a SavedModel.

    Raises:
        UserError: If there is none, so that it is not one that `lm-zoo export` wrote.
    """
    try:
        card = read_json(path / CARD, {"format_version": natural}, finite=False)  # NaN in examples
        if card["format_version"] != FORMAT_VERSION:
            raise UserError(
                f"model: {path / CARD}: format_version: expected {FORMAT_VERSION}, received "
                f"{card['format_version']}: another version of lm_zoo wrote it; export the model "
                "again by this one."
            )
        check(card, _READ_AGAIN)
        return card
    except FileNotFoundError:
        raise UserError(
            f"model: {path} holds a SavedModel that is not lm_zoo's ({CARD} is missing); export "
            "one by `lm-zoo export`."
        ) from None
    except (OSError, NotJson) as error:
        raise_if_of_system(error)
        raise UserError(
            f"model: {path / CARD} is damaged ({error}); export the model again."
        ) from None


def _versions(folder):
    """The versions of a model, number -> path."""
    return {
        int(path.name): path
        for path in folder.iterdir()
        if path.name.isdecimal() and (path / "saved_model.pb").is_file()
    }
