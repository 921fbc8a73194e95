"""Flags of the prediction that a command asks a run for, made of its inputs."""

from lm_zoo.cli.option_flags import define_input_flags
from lm_zoo.cli.run_flags import task_of_arguments
from lm_zoo.errors import UserError
from lm_zoo.tasks import TASKS, declaration
from lm_zoo.tasks.prediction import prediction_of


def predictions_named(name, arguments):
    """Returns task -> the `Prediction` of a name that its runs can be asked for.

    Of all tasks that have one; where the arguments name a run whose task has one, of that alone.
    """
    found = {task: declaration(task).predictions.get(name) for task in TASKS}
    found = {task: prediction for task, prediction in found.items() if prediction}
    task = task_of_arguments(arguments)
    return {task: found[task]} if task in found else found


def define_prediction_flags(predictions, flag_values, without=()):
    """Adds a flag for each input of predictions that has none yet.

    Args:
        predictions: Name of whose they are -> `Prediction`. It is said of inputs that not all have.
        flag_values: The command's flags.
        without: Names of inputs that get no flag.
    """
    for prediction in predictions.values():
        for each in prediction.inputs:
            have = [
                name
                for name, other in predictions.items()
                if each.name in [its.name for its in other.inputs]
            ]
            label = "" if len(have) == len(predictions) else f"For {', '.join(have)}: "
            if each.name not in without:
                define_input_flags([each], flag_values, label)


def prediction_of_run(name, flag_values):
    """Returns the `Prediction` of a name of the run that `--workdir` names.

    Raises:
        UserError: If there is no run, or its task has no such prediction.
    """
    from lm_zoo.run_folder import RunFolder

    task = RunFolder(flag_values.workdir).require().config().task.name
    return prediction_of(task, declaration(task).predictions, name, "workdir")


def values_of_flags(inputs, flag_values):
    """Returns input name -> value of its flag; what has neither value nor default is left out."""
    values = {each.name: flag_values[each.name].value for each in inputs}
    return {name: value for name, value in values.items() if value is not None}


def refuse_several_processes(command):
    """Raises a `UserError` where the command was started as one of several processes."""
    from lm_zoo.distribution.cluster import find_cluster

    if find_cluster():
        raise UserError(
            f"{command}: expected one process, received a cluster of several; start it without "
            "`lm-zoo launch` and TF_CONFIG. It uses several devices of one machine "
            "(--strategy=mirrored)."
        )
