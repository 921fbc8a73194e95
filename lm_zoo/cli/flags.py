"""Flags that several commands have.

A command with the flag `config` finds the `ExperimentConfig` (or None) in `flag_values.config`.
"""

import dataclasses

from lm_zoo.checked_fields import field, field_types, same_field
from lm_zoo.cli.config_overrides import Override, apply_overrides
from lm_zoo.config import config_checks
from lm_zoo.errors import UserError


@dataclasses.dataclass
class RegisterFlag:
    """Of commands that use what users register; the files are executed before all else."""

    register: tuple[str, ...] = field(
        (),
        repeated=True,
        is_path=True,
        help="Python file, run for its calls of lm_zoo.register alone: a config file, where a run "
        "was trained with one's own task, model or tokenizer; may be given several times.",
    )


@dataclasses.dataclass
class ConfigFlag:
    """Of commands that take a config."""

    config: str | None = field(
        None,
        help="An experiment: the name of a shipped config (`lm-zoo list configs`) or the path of a "
        "Python file with a get_config(), which is run, or of a run's config.json. Any field of it "
        "is changed by --config.FIELD=VALUE, as in --config.optimizer.learning_rate=0.002.",
    )
    register: tuple[str, ...] = same_field(RegisterFlag, "register")


@dataclasses.dataclass
class CorpusFlags(ConfigFlag):
    """Of commands that prepare a config's text; see `with_data_dir`."""

    data_dir: str | None = field(
        None,
        is_path=True,
        help="The folder that has the config's text: the files of a named corpus, which are not "
        "fetched then, or those that corpus.train_files name. Short for --config.corpus.data_dir.",
    )


@dataclasses.dataclass
class RunFlags:
    """Of commands that use a run."""

    workdir: str = field(None, is_path=True, required=True, help="Folder of the run.")
    register: tuple[str, ...] = same_field(RegisterFlag, "register")
    checkpoint: str = field(
        "best", help="best, latest, a step number, or average:N (the mean of the N latest)."
    )


def with_data_dir(config, data_dir):
    """Returns the config with the value of `--data_dir`, where that was given.

    Raises:
        UserError: If the config's corpus is not read from files.
    """
    if data_dir is None:
        return config
    if "data_dir" not in field_types(config_checks.arguments_class(config.corpus)):
        raise UserError(
            "--data_dir: expected a config whose text is read from files, its corpus is "
            f"{config.corpus.name!r}; leave it out, or set --config.corpus.name."
        )
    return apply_overrides(config, [Override("corpus.data_dir", data_dir)])
