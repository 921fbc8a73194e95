"""Which settings of a corpus are another corpus' own."""

from lm_zoo.config import DataConfig
from lm_zoo.errors import UserError

OF_TEXT_FILES = ("text_field", "documents")
OF_TEXT_PAIRS = (
    "train_target_files",
    "validation_target_files",
    "test_target_files",
    "source_field",
    "target_field",
)
OF_FILES = ("train_files", "validation_files", "test_files", "encoding")
LANGUAGES = ("source_language", "target_language")


def refuse(config, fields, why, instead):
    """Raises a `UserError` for settings that would play no part.

    Args:
        config: A `DataConfig`.
        fields: Names of its fields that must be at their defaults.
        why: Why, for the error.
        instead: What else could be done, likewise.
    """
    defaults = DataConfig()
    for field in fields:
        default = getattr(defaults, field)
        if getattr(config, field) != default:
            raise UserError(f"data.{field}: {why}; leave it at {default!r}, or {instead}.")
