"""Runs a command as a group of processes on this machine, each with its place in TF_CONFIG.

    lm-zoo launch --workers=2 -- train --config=quickstart_lstm --workdir=runs/two
    lm-zoo launch --workers=2 --max_restarts=10 -- train --workdir=runs/two

Lines are prefixed with the process that wrote them. When one process fails all are ended and the
group starts again from the last checkpoint, up to --max_restarts times. Ctrl-C has all save the
same step and ends; a second one ends at once.
"""

import shlex
import sys

from absl import flags

ARGUMENTS = "-- COMMAND ..."
USES_TENSORFLOW = False


def define_flags(flag_values):
    flags.DEFINE_integer(
        "workers",
        None,
        "Processes that train together.",
        lower_bound=1,
        required=True,
        flag_values=flag_values,
    )
    flags.DEFINE_integer(
        "parameter_servers",
        0,
        "Processes that hold parameters, for runtime.strategy=parameter_server.",
        lower_bound=0,
        flag_values=flag_values,
    )
    flags.DEFINE_integer(
        "max_restarts",
        3,
        "Failures after which the group is started again.",
        lower_bound=0,
        flag_values=flag_values,
    )
    flags.DEFINE_integer(
        "stall_seconds",
        0,
        "Seconds without a step, a checkpoint or a validation ended, after which a process that "
        "made one counts as failed; 0 never.",
        lower_bound=0,
        flag_values=flag_values,
    )


def run(flag_values, arguments):
    from lm_zoo import __main__
    from lm_zoo.cli.main import COMMANDS
    from lm_zoo.distribution.launcher import USER_ERROR, Launcher
    from lm_zoo.distribution.parameter_server_launcher import ParameterServerLauncher
    from lm_zoo.errors import UserError, unknown_name

    if not arguments:
        raise UserError("launch: expected a command after --, as in -- train --config=...")
    if arguments[0] not in COMMANDS or arguments[0] == "launch":
        raise unknown_name("launch", arguments[0], [c for c in COMMANDS if c != "launch"])
    make_launcher = ParameterServerLauncher if flag_values.parameter_servers else Launcher
    launcher = make_launcher(
        [sys.executable, "-P", __main__.__file__, *arguments],
        flag_values.workers,
        flag_values.parameter_servers,
        flag_values.max_restarts,
        flag_values.stall_seconds,
        on_line=_print_line,
        on_event=lambda line: print(f"lm-zoo launch: {line}", file=sys.stderr, flush=True),
    )
    result = launcher.run()
    if result.signal is None or result.status in (0, USER_ERROR):
        return result.status
    command = shlex.join(["lm-zoo", "launch", *_given(flag_values), "--", *arguments])
    print(f"lm-zoo launch: stopped. Go on with: {command}", file=sys.stderr, flush=True)
    return 128 + result.signal


def _given(flag_values):
    """The flags that were given, as they are written."""
    given = [flag_values[name] for name in flag_values if flag_values[name].present]
    return [f"--{flag.name}={flag.value}" for flag in given]


def _print_line(name, line, is_error):
    print(f"[{name}] {line}", file=sys.stderr if is_error else sys.stdout, flush=True)
