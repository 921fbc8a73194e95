"""Executes the files that `--register=FILE` names."""

from lm_zoo.cli.quiet_imports import import_for_registered
from lm_zoo.errors import UserError
from lm_zoo.registering_files import execute

FLAG = "register"


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
