"""Finds configs: Python files, which are run, by name or by path; and those that runs have kept."""

import os
import pathlib

from lm_zoo import config as config_lib
from lm_zoo import configs
from lm_zoo.config import config_checks, config_json
from lm_zoo.errors import UserError, did_you_mean
from lm_zoo.files import expanded
from lm_zoo.files.json_files import read_kept_json
from lm_zoo.quiet_imports import import_for_registered
from lm_zoo.registering_files import executed


def given_config(config, changes):
    """Returns the resolved `ExperimentConfig` that a caller gave, with other values.

    Args:
        config: An `ExperimentConfig`, or what `read_config` takes.
        changes: Field -> value; for a section, a dict of its fields: `{"training": {"steps": 9}}`.
    """
    if isinstance(config, (str, os.PathLike)):
        config = read_config(os.fspath(config))
    return config_checks.changed(config, changes)


def read_config(source):
    """Returns what `get_config()` of a shipped config or of a Python file gives, or a run's config.

    Args:
        source: A shipped config's name ("lstm_ptb" or "configs/lstm_ptb.py"), or the path of a
            Python file or of the `config.json` in a run's folder.

    Raises:
        UserError: If there is no such config, or with file and line for an error inside it.
    """
    path = expanded(source)
    if path.is_file():
        if path.suffix == ".json":
            values = read_kept_json("--config", path, dict, "give a run's config.json")
            return config_json.from_saved(values, f"--config: {path}")
        if path.suffix != ".py":
            raise UserError(
                "--config: expected a Python file with a get_config(), or a run's config.json, "
                f"received {path}."
            )
        return _run_config_file(path)
    shipped = shipped_configs()
    name = source.removeprefix("./").removeprefix("configs/").removesuffix(".py")
    if name in shipped:
        return _run_config_file(shipped[name])
    hint = did_you_mean(name, shipped, "{}") or did_you_mean(path.stem, shipped, "{}")
    raise UserError(
        f"--config: {source!r} is neither a file nor a shipped config.{hint} `lm-zoo list configs` "
        "shows them."
    )


def shipped_configs():
    """Returns name -> path of the configs that come with lm_zoo, in alphabetical order."""
    files = sorted(pathlib.Path(configs.__path__[0]).glob("[!_]*.py"))
    return {file.stem: file for file in files}


def _run_config_file(path):
    with executed(path, "--config") as module:
        get_config = getattr(module, "get_config", None)
        if not callable(get_config):
            raise UserError("expected a function get_config(), found none.")
        config = get_config()
        if not isinstance(config, config_lib.ExperimentConfig):
            found = type(config).__name__
            raise UserError(f"get_config() returned {found}, expected an ExperimentConfig.")
    import_for_registered()
    return config
