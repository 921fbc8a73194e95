"""Flags of the prediction that a command asks a run for, made of its inputs."""

from lm_zoo.cli.distribution_flags import distribution_of_flags
from lm_zoo.cli.loading import check_checkpoint, load_tensorflow
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


def define_prediction_flags(predictions, flag_values, texts=True):
    """Adds a flag for each input of predictions that has none yet.

    Args:
        predictions: Name of whose they are -> `Prediction`. It is said of inputs that not all have.
        flag_values: The command's flags.
        texts: Whether the inputs that are texts get a flag.
    """
    owners = {}
    for name, prediction in predictions.items():
        for each in prediction.inputs:
            owners.setdefault(each.name, []).append(name)
    for prediction in predictions.values():
        for each in prediction.inputs:
            have = owners[each.name]
            label = "" if len(have) == len(predictions) else f"For {', '.join(have)}: "
            if texts or not each.field:
                define_input_flags([each], flag_values, label)


def prediction_of_run(name, flag_values):
    """Returns the `Prediction` of a name of the run that `--workdir` names.

    Raises:
        UserError: If there is no run, or its task has no such prediction.
    """
    from lm_zoo.run_folder import RunFolder

    task = RunFolder(flag_values.workdir).require().config().task.name
    return prediction_of(task, declaration(task).predictions, name, "workdir")


def settings_of_flags(prediction, flag_values):
    """Returns name -> value of the inputs that are no texts; without those that have none."""
    values = {
        each.name: flag_values[each.name].value for each in prediction.inputs if not each.field
    }
    return {name: value for name, value in values.items() if value is not None}


def require_one_process(command):
    """Raises a `UserError` where a command was started as one of several processes."""
    from lm_zoo.distribution.cluster import find_cluster

    if find_cluster():
        raise UserError(
            f"{command}: expected one process, received a cluster of several; start it without "
            "`lm-zoo launch` and TF_CONFIG. It uses several devices of one machine "
            "(--strategy=mirrored)."
        )


def load_on_devices(flag_values):
    """Loads the run of `RunFlags` for the devices of `DeviceFlags`."""
    check_checkpoint(flag_values)
    load_tensorflow()
    from lm_zoo.run import load

    return load(flag_values.workdir, flag_values.checkpoint, distribution_of_flags(flag_values))
