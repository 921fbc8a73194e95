"""Flags that several commands have.

A command that takes a config calls `define_config_flag` in its `define_flags` and finds the
`ExperimentConfig` (or None) in `flag_values.config`.
"""

from absl import flags

from lm_zoo import config_checks
from lm_zoo.checked_fields import field_types
from lm_zoo.cli.config_overrides import Override, apply_overrides
from lm_zoo.errors import UserError
from lm_zoo.text.special_tokens import SPECIAL_TOKENS, SPECIAL_TOKENS_HELP, TEXT


def define_config_flag(flag_values, required=False):
    """Adds `--config` to a command's flags, for its help and as the place of the loaded config."""
    flags.DEFINE_string(
        "config",
        None,
        "An experiment: the name of a shipped config (`lm-zoo list configs`) or the path of a "
        "Python file with a get_config(), which is run. Any field of it is changed by --config.FIELD=VALUE, as "
        "in --config.optimizer.learning_rate=0.002.",
        required=required,
        flag_values=flag_values,
    )


def define_special_tokens_flag(flag_values):
    """Defines `--special_tokens`, of texts that users give."""
    flags.DEFINE_enum(
        "special_tokens", TEXT, list(SPECIAL_TOKENS), SPECIAL_TOKENS_HELP, flag_values=flag_values
    )


def define_checkpoint_flag(flag_values):
    flags.DEFINE_string(
        "checkpoint",
        "best",
        "best, latest, a step number, or average:N (the mean of the N latest).",
        flag_values=flag_values,
    )


def define_data_dir_flag(flag_values):
    """Adds `--data_dir`, short for `--config.corpus.data_dir`."""
    flags.DEFINE_string(
        "data_dir",
        None,
        "The folder that has the config's text: the files of a named corpus, which are not fetched "
        "then, or those that corpus.train_files name. Short for --config.corpus.data_dir.",
        flag_values=flag_values,
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
            f"--data_dir: expected a config whose text is read from files, its corpus is "
            f"{config.corpus.name!r}; leave it out, or set --config.corpus.name."
        )
    return apply_overrides(config, [Override("corpus.data_dir", data_dir)])
