"""What a command line says of the run that it is about, before its flags are parsed."""

from lm_zoo.errors import UserError


def run_of_arguments(arguments):
    """Returns the `RunFolder` that `--workdir` names, or None where it names no run."""
    for index, argument in enumerate(arguments):
        name, separator, value = argument.lstrip("-").partition("=")
        if name == "workdir" and argument.startswith("-"):
            from lm_zoo.run_folder import RunFolder  # loads NumPy, which help needs not

            workdir = value if separator else "".join(arguments[index + 1 : index + 2])
            folder = RunFolder(workdir)
            return folder if workdir and folder.exists() else None
    return None


def task_of_arguments(arguments):
    """Returns the name of the task of the run that `--workdir` names, or None."""
    folder = run_of_arguments(arguments)
    return folder.config().task.name if folder else None


def refuse_flag_of_other_tasks(name, task, options_of_task, tasks):
    """Raises a `UserError` if a flag is an option of another task than the run's.

    Args:
        name: The flag.
        task: Name of the run's task.
        options_of_task: Function from a task's name to the names of its options.
        tasks: Names of all tasks.
    """
    others = [other for other in tasks if other != task and name in options_of_task(other)]
    if others:
        raise UserError(
            f"--{name}: it is for the task {' or '.join(others)}, and this run is of {task}, which "
            f"takes {', '.join(f'--{option}' for option in options_of_task(task))}; leave it out."
        )
