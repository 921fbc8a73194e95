"""`--register=FILE`: a user's own models, tasks, corpora, tokenizers and cleaning steps."""

from lm_zoo.cli.path_flags import define_multi_path
from lm_zoo.cli.quiet_imports import import_for_registered
from lm_zoo.errors import UserError
from lm_zoo.registering_files import execute

FLAG = "register"


def define_register_flag(flag_values):
    """Adds `--register` to a command that uses what users register, beside `--config` or without.

    `lm_zoo.cli.main` executes the files before the command's other flags are looked at.
    """
    define_multi_path(
        FLAG,
        [],
        "Python file, run for its calls of lm_zoo.register alone: a config file, where a run was "
        "trained with one's own task, model or tokenizer; may be given several times.",
        flag_values=flag_values,
    )


def execute_registering(arguments):
    """Executes the files that a command line names by `--register`, in their order.

    Args:
        arguments: The command's arguments.

    Raises:
        UserError: For a file that is not there, or goes wrong.
    """
    waiting = list(arguments)
    while waiting and waiting[0] != "--":
        argument = waiting.pop(0)
        name, separator, value = argument.partition("=")
        if name not in (f"--{FLAG}", f"-{FLAG}"):
            continue
        if not separator and waiting:
            value = waiting.pop(0)
        if not value:
            raise UserError(f"--{FLAG}: expected a Python file, received nothing.")
        execute(value, f"--{FLAG}")
        import_for_registered()
