"""Finds and runs the Python files that configs are written in: shipped ones by name, or by path."""

import importlib.machinery
import importlib.resources
import importlib.util
import pathlib
import traceback

from lm_zoo import config as config_lib
from lm_zoo.errors import UserError, nearest
from lm_zoo.files import expanded


def read_config(source):
    """Returns what `get_config()` of a shipped config or of a Python file gives.

    Args:
        source: A shipped config's name ("lstm_ptb" or "configs/lstm_ptb.py"), or a path.

    Raises:
        UserError: If there is no such config, or with file and line for an error inside it.
    """
    path = expanded(source)
    if path.is_file():
        if path.suffix != ".py":
            raise UserError(
                f"--config: expected a Python file with a get_config(), received {path}."
            )
        return _run_config_file(path)
    shipped = shipped_configs()
    name = source.removeprefix("./").removeprefix("configs/").removesuffix(".py")
    if name in shipped:
        return _run_config_file(shipped[name])
    guess = nearest(name, shipped) or nearest(path.stem, shipped)
    hint = f" Did you mean {guess}?" if guess else ""
    raise UserError(
        f"--config: {source!r} is neither a file nor a shipped config.{hint} `lm-zoo list configs` "
        "shows them."
    )


def shipped_configs():
    """Returns name -> path of the configs that come with lm_zoo, in alphabetical order."""
    try:
        folder = importlib.resources.files("lm_zoo.configs")
    except ModuleNotFoundError:  # a checkout that is not installed
        folder = pathlib.Path(__file__).resolve().parents[2] / "configs"
    if not folder.is_dir():
        return {}
    files = sorted(folder.iterdir(), key=lambda file: file.name)
    return {
        file.name.removesuffix(".py"): pathlib.Path(str(file))
        for file in files
        if file.name.endswith(".py") and not file.name.startswith("_")
    }


class _UncachedLoader(importlib.machinery.SourceFileLoader):
    """Loads a source file without reading or leaving bytecode beside it."""

    def path_stats(self, path):
        raise OSError("no bytecode")


def _run_config_file(path):
    try:
        loader = _UncachedLoader(f"lm_zoo_config_{path.stem}", str(path))
        module = importlib.util.module_from_spec(
            importlib.util.spec_from_file_location(loader.name, path, loader=loader)
        )
        loader.exec_module(module)
        get_config = getattr(module, "get_config", None)
        if not callable(get_config):
            raise UserError("expected a function get_config(), found none.")
        config = get_config()
        if not isinstance(config, config_lib.ExperimentConfig):
            found = type(config).__name__
            raise UserError(f"get_config() returned {found}, expected an ExperimentConfig.")
    except Exception as error:
        raise UserError(f"--config: {_place(path, error)}: {_one_line(error)}") from error
    return config


def _place(path, error):
    """Returns the config file, and the line in it where an error came from."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f"{path}, line {error.lineno}"
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
    return f"{path}, line {lines[-1]}" if lines else str(path)


def _one_line(error):
    if isinstance(error, UserError):
        return str(error)
    text = error.msg if isinstance(error, SyntaxError) else " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
