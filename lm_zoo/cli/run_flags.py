"""What a command line says of runs and of users' files, before its flags are parsed."""

from lm_zoo.errors import UserError
from lm_zoo.quiet_imports import import_for_registered
from lm_zoo.registering_files import execute


def values_given(name, arguments):
    """Returns the values that a command's arguments give a flag, in their order."""
    values, waiting = [], list(arguments)
    while waiting and waiting[0] != "--":
        given, separator, value = waiting.pop(0).partition("=")
        if given in (f"--{name}", f"-{name}"):
            values.append(value if separator or not waiting else waiting.pop(0))
    return values


def execute_registering(arguments):
    """Executes the files that `--register` names, in their order.

    Args:
        arguments: The command's arguments.

    Raises:
        UserError: For a file that is not there, or goes wrong.
    """
    for file in values_given("register", arguments):
        if not file:
            raise UserError("--register: expected a Python file, received nothing.")
        execute(file, "--register")
        import_for_registered()


def run_of_arguments(arguments):
    """Returns the `RunFolder` that `--workdir` names, or None where it names no run."""
    *_, workdir = ["", *values_given("workdir", arguments)]  # the last one counts
    if not workdir:
        return None
    from lm_zoo.runs.run_folder import RunFolder  # loads NumPy, which help needs not

    folder = RunFolder(workdir)
    return folder if folder.exists() else None


def task_of_arguments(arguments):
    """Returns the name of the task of the run that `--workdir` names, or None."""
    folder = run_of_arguments(arguments)
    return folder.config().task.name if folder else None
