"""JSON files of other programs: reading them, and their fields one by one."""

import json
import math
import pathlib

from lm_zoo import files
from lm_zoo.errors import UserError
from lm_zoo.files import json_files

CONFIG = "config.json"  # so it is called in the folders of all these libraries


def read_json(path):
    """Returns the mapping in a JSON file.

    Raises:
        UserError: If it is missing, damaged, or holds something else.
    """
    path = pathlib.Path(path)
    try:
        # Fields that are used are checked to be finite; others may be anything.
        return json_files.read_json(path, most=json_files.MAX_LARGE_BYTES, finite=False)
    except FileNotFoundError:
        raise UserError(f"{path.parent}: expected a file {path.name}, found none.") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({files.reason(error)}).") from None
    except json_files.NotJson as error:
        raise UserError(f"{path}: {error}; copy it again.") from None


class Fields:
    """The fields of a config that another library wrote, checked as they are asked for.

    Args:
        path: The file, for messages.
        values: The mapping.
    """

    def __init__(self, path, values):
        self.path = path
        self.values = values

    def size(self, name, default=None):
        """Returns a whole number of at least 1; without a default it must be there."""
        value = self._value(name, default)
        if type(value) is not int or value < 1:
            raise self.error(name, "a whole number of at least 1", value)
        return value

    def number(self, name, default):
        """Returns a finite number of at least 0."""
        value = self._value(name, default)
        right = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not right or not math.isfinite(value) or value < 0:
            raise self.error(name, "a number of at least 0", value)
        return float(value)

    def flag(self, name, default):
        """Returns true or false."""
        value = self._value(name, default)
        if type(value) is not bool:
            raise self.error(name, "true or false", value)
        return value

    def choice(self, name, default, meanings):
        """Returns what a value means; `meanings` has all values that our model can do."""
        value = self._value(name, default)
        if not isinstance(value, str) or value not in meanings:
            raise self.error(name, f"{' or '.join(meanings)}, which lm_zoo's model can do", value)
        return meanings[value]

    def require(self, name, expected, default=None):
        """Raises a `UserError` unless a field has the one value that our model can do."""
        value = self._value(name, default)
        # Of Python's, 1 equals True.
        exact = isinstance(expected, bool) or expected is None
        wrong = value is not expected if exact else value != expected
        if wrong:
            shown = json.dumps(expected)
            raise self.error(name, f"{shown}, which is what lm_zoo does", value)

    def _value(self, name, default):
        value = self.values.get(name)
        return default if value is None else value

    def error(self, name, expected, value):
        return UserError(f"{self.path}: {name}: expected {expected}, received {value!r:.80}.")
