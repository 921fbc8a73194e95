"""Trains a model, or goes on with the run in the workdir.

    lm-zoo train --config=quickstart_lstm --workdir=runs/quickstart_lstm
    lm-zoo train --config=configs/ptb_lstm_small.py --workdir=runs/ptb --config.training.epochs=1
    lm-zoo train --workdir=runs/quickstart_lstm

Without --config the run in the workdir goes on with its own. Stopped in any way (Ctrl-C, a kill, a
full disk), the same command goes on from the last checkpoint and ends with the same parameters.
"""

import dataclasses
import shlex
import sys

from lm_zoo.checked_fields import field, require
from lm_zoo.cli.distribution_flags import distribution_for
from lm_zoo.cli.flags import CorpusFlags, with_data_dir
from lm_zoo.cli.loading import check_own_files, load_tensorflow
from lm_zoo.cli.run_flags import run_of_arguments
from lm_zoo.config import STRATEGIES
from lm_zoo.errors import UserError
from lm_zoo.figures import named_figure
from lm_zoo.progress import current_stages

SIGNAL_STATUS = {"SIGINT": 130, "SIGTERM": 143}  # as shells report them


@dataclasses.dataclass
class TrainFlags:
    strategy: str | None = field(
        None,
        choices=STRATEGIES,
        help="How the devices are used: short for --config.runtime.strategy.",
    )
    workdir: str = field(None, is_path=True, required=True, help="Folder of the run.")
    profile_steps: tuple[str, ...] = field(
        (),
        help="FIRST,LAST: steps to record with TensorFlow's profiler, for TensorBoard's Profile "
        "tab.",
    )
    audit_data: bool = field(
        False,
        help="Have each worker record which windows it trains on, and prove at the end that each "
        "was used exactly once an epoch.",
    )


FLAGS = (CorpusFlags, TrainFlags)


def default_config(arguments):
    """The config of the run that is already in the workdir, for going on without `--config`."""
    folder = run_of_arguments(arguments)
    return folder.config() if folder else None


def run(flag_values, arguments):
    from lm_zoo.distribution.cluster import find_cluster
    from lm_zoo.run_folder import RunFolder

    profile_steps = _profile_steps(flag_values.profile_steps)
    folder = RunFolder(flag_values.workdir)
    if flag_values.config is None and folder.begun():
        raise folder.lost_config("--config")
    if flag_values.config is None:
        raise UserError("--config is required to begin a run; `lm-zoo list configs` shows some.")
    config = with_data_dir(flag_values.config, flag_values.data_dir)
    if not find_cluster():  # of several processes the first alone writes, and says what is wrong
        folder.check_for(config)
    check_own_files(config)
    load_tensorflow()
    from lm_zoo.distribution.parameter_server import chief_leaves

    distribution = distribution_for(config, flag_values)
    if distribution.name != "parameter_server":
        return _train(config, flag_values, distribution, profile_steps)
    with chief_leaves() as leave:
        leave(_train(config, flag_values, distribution, profile_steps) or 0)


def _train(config, flag_values, distribution, profile_steps):
    """Trains to the end, or to a signal; returns the exit status."""
    from lm_zoo.distribution.launch.rendezvous import wait_until_gone
    from lm_zoo.distribution.lost_process import lost_processes_named
    from lm_zoo.experiment import Experiment

    with lost_processes_named(distribution.cluster):
        with current_stages() as listener:
            experiment = Experiment(config, flag_values.workdir, listener, distribution)
        if distribution.is_chief:
            print(experiment.describe(), flush=True)
        result = experiment.train(profile_steps, flag_values.audit_data)
    if distribution.is_chief:
        if distribution.name == "multi_worker":
            wait_until_gone(distribution.cluster)
        if result.reason not in SIGNAL_STATUS:
            if flag_values.audit_data:
                print(experiment.verify_audit(result.step))
            print(_closing_line(result))
            print(f"Curves: tensorboard --logdir {shlex.quote(flag_values.workdir)}")
    return _stopped(result, flag_values.workdir, distribution)


def _stopped(result, workdir, distribution):
    """Says how to go on with a run that a signal stopped; returns the exit status."""
    from lm_zoo.distribution.launch.launcher import PREEMPTED

    if result.reason not in SIGNAL_STATUS:
        return None
    if distribution.is_chief:
        line = f"Stopped by {result.reason} and saved at step {result.step}. Go on with: "
        line += f"lm-zoo train --workdir={shlex.quote(workdir)}"
        if distribution.cluster:
            line += " (in every process)"
        print(line, file=sys.stderr)
    if distribution.cluster and result.reason == "SIGTERM":
        return PREEMPTED
    return SIGNAL_STATUS[result.reason]


def _closing_line(result):
    ended = {
        "finished": "Finished",
        "max_seconds": "Stopped after training.max_seconds,",
        "early_stopping": "Stopped early, for validation no longer improves,",
    }[result.reason]
    line = f"{ended} at step {result.step}"
    if result.best is None:
        return line + "; there is no validation split."
    figure = named_figure(result.best_by, result.best)
    return line + f"; best validation {figure} at step {result.best_step}."


def _profile_steps(values):
    if not values:
        return None
    try:
        first, last = (int(value) for value in values)
    except ValueError:
        first, last = 0, -1
    require(0 <= first <= last, "--profile_steps", "FIRST,LAST in order", ",".join(values))
    return first, last
