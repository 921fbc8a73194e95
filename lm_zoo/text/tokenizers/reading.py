"""What is wrong with a tokenizer in another program's files, in one line."""

import contextlib

from lm_zoo.errors import UserError
from lm_zoo.files import reason
from lm_zoo.files.json_files import NotJson


@contextlib.contextmanager
def reading(path, expected=""):
    """Turns errors met while a file is read into `UserError`s about `tokenizer.path`.

    Args:
        path: The file.
        expected: What it should hold, in words, of a file of JSON.
    """
    try:
        yield
    except OSError as error:
        raise UserError(f"tokenizer.path: could not read {path}: {reason(error)}.") from None
    except NotJson as error:
        raise UserError(
            f"tokenizer.path: {path} is damaged: expected {expected} ({error}); copy it again."
        ) from None
    except UnicodeDecodeError as error:
        raise UserError(
            f"tokenizer.path: {path} is not UTF-8 (byte offset {error.start}); copy it again."
        ) from None
    except UserError as error:
        problem = str(error).removeprefix("tokenizer: ")
        raise UserError(f"tokenizer.path: {path}: {problem}") from None
