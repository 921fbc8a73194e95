"""Executes the Python files of users: their configs, and what these register.

A file is executed as a module that its classes can be found in by other processes, which execute
the same file. Modules in its folder can be imported by it; where it registers something, also later.
"""

import contextlib
import hashlib
import importlib.machinery
import importlib.util
import sys
import traceback

from lm_zoo import registration
from lm_zoo.checked_fields import require
from lm_zoo.errors import UserError
from lm_zoo.files import expanded


class _UncachedLoader(importlib.machinery.SourceFileLoader):
    """Loads a source file without reading or leaving bytecode beside it."""

    def path_stats(self, path):
        raise OSError("no bytecode")


def execute(source, flag):
    """Executes a Python file for what it registers.

    Args:
        source: Its path.
        flag: What it was given by, for messages: `--register`.

    Raises:
        UserError: If there is no such file, or with file and line for an error inside it.
    """
    path = expanded(source)
    is_python = path.is_file() and path.suffix == ".py"
    require(is_python, flag, "a Python file that calls lm_zoo.register", str(source))
    with executed(path, flag):
        pass


@contextlib.contextmanager
def executed(path, flag):
    """Executes a Python file and yields its module; errors inside the block are reported as the
    file's.

    Args:
        path: A `pathlib.Path`.
        flag: Name of the flag that gave the file, for errors.

    Raises:
        UserError: With file and line, for an error in the file and inside.
    """
    file, folder = str(path.resolve()), str(path.resolve().parent)
    name = f"lm_zoo_config_{path.stem}_{hashlib.sha256(file.encode()).hexdigest()[:8]}"
    loader = _UncachedLoader(name, str(path))
    module = importlib.util.module_from_spec(
        importlib.util.spec_from_file_location(name, path, loader=loader)
    )
    is_new = folder not in sys.path
    if is_new:
        sys.path.append(folder)  # last: nothing there stands in for a module of others
    sys.modules[name] = module  # where the file's classes are looked for
    try:
        with registration.registrations_of(file, folder):
            loader.exec_module(module)
            yield module
    except Exception as error:
        raise UserError(f"{flag}: {_place(path, error)}: {registration.one_line(error)}") from error
    finally:
        if is_new and file not in registration.files():
            sys.path.remove(folder)


def _place(path, error):
    """Returns the file, and the line in it where an error came from."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f"{path}, line {error.lineno}"
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
    return f"{path}, line {lines[-1]}" if lines else str(path)
