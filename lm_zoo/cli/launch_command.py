"""Runs a command as a group of processes on this machine, each with its place in TF_CONFIG.

    lm-zoo launch --workers=2 -- train --config=quickstart_lstm --workdir=runs/two
    lm-zoo launch --workers=2 --max_restarts=10 -- train --workdir=runs/two

Lines are prefixed with the process that wrote them. When one process fails all are ended and the
group starts again from the last checkpoint, up to --max_restarts times. Ctrl-C has all save the
same step and ends; a second one ends at once.

TensorFlow's servers, by which the processes talk, listen on all interfaces and do what anyone who
reaches them says: read and write files too. So the processes get a network of their own with
nothing but loopback, where Linux allows it (--network); what a corpus needs is fetched before. Where
it does not, as in most containers, a line says that the ports are open: keep that machine's network
closed to others.
"""

import contextlib
import dataclasses
import re
import shlex
import sys

from lm_zoo.checked_fields import field
from lm_zoo.errors import UserError, unknown_name

ARGUMENTS = "-- COMMAND ..."


@dataclasses.dataclass
class LaunchFlags:
    workers: int = field(None, at_least=1, required=True, help="Processes that train together.")
    parameter_servers: int = field(
        0, at_least=0, help="Processes that hold parameters, for runtime.strategy=parameter_server."
    )
    max_restarts: int = field(
        3, at_least=0, help="Failures after which the group is started again."
    )
    stall_seconds: int = field(
        0,
        at_least=0,
        help="Seconds without a step, a checkpoint or a validation ended, after which a process "
        "that made one counts as failed; 0 never.",
    )
    network: str = field(
        "auto",
        choices=("auto", "private", "host"),
        help="private: the processes have a network of their own, or nothing is started; host: "
        "they have the machine's, and their ports are open to it; auto: private where it can be.",
    )


FLAGS = (LaunchFlags,)
# What TensorFlow says at every log level of an operation that is then done in another way.
_NOTE = re.compile(r"E\d{4} \S+ +\d+ util\.cc:\d+\] oneDNN supports ")


def first_argument(arguments):
    return ("--",)


def run(flag_values, arguments):
    from lm_zoo import __main__
    from lm_zoo.cli.main import COMMANDS
    from lm_zoo.distribution.launch.launcher import USER_ERROR, Launcher
    from lm_zoo.distribution.launch.parameter_server_launcher import (
        ParameterServerLauncher,
    )

    if not arguments:
        raise UserError("launch: expected a command after --, as in -- train --config=...")
    if arguments[0] not in COMMANDS or arguments[0] == "launch":
        raise unknown_name("launch", arguments[0], [c for c in COMMANDS if c != "launch"])
    _fetch(*arguments)
    make_launcher = ParameterServerLauncher if flag_values.parameter_servers else Launcher
    with contextlib.ExitStack() as stack:
        launcher = make_launcher(
            [sys.executable, "-P", __main__.__file__, *arguments],
            flag_values.workers,
            flag_values.parameter_servers,
            flag_values.max_restarts,
            flag_values.stall_seconds,
            on_line=_print_line,
            on_event=_say,
            network=_network(flag_values.network, stack),
        )
        result = launcher.run()
    if result.signal is None or result.status in (0, USER_ERROR):
        return result.status
    command = shlex.join(["lm-zoo", "launch", *_given(flag_values), "--", *arguments])
    _say(f"stopped. Go on with: {command}")
    return 128 + result.signal


def _fetch(command, *arguments):
    """Fetches the named corpus of the command's config: the processes may have no network."""
    from lm_zoo.cli.flags import with_data_dir
    from lm_zoo.cli.main import parsed_flags
    from lm_zoo.data.corpora import FETCHED, load_corpus

    flag_values = parsed_flags(command, arguments)
    config = flag_values.config if flag_values and "config" in flag_values else None
    if config is not None and config.corpus.name in FETCHED:
        config = with_data_dir(config, flag_values.data_dir)
        load_corpus(config.corpus, config.data.cache_dir)


def _network(choice, stack):
    """Returns the `PrivateNetwork`, or None; says where the ports are open then."""
    from lm_zoo.distribution.launch.listening import has_outside_interface
    from lm_zoo.distribution.launch.private_network import (
        NoPrivateNetwork,
        PrivateNetwork,
    )

    why = "--network=host"
    if choice != "host":
        try:
            return stack.enter_context(PrivateNetwork())
        except NoPrivateNetwork as error:
            why = str(error)
    if choice == "private":
        raise UserError(
            f"--network: there can be no private one here ({why}); with --network=host the "
            "processes' ports are open to whoever reaches this machine."
        )
    if has_outside_interface():
        _say(
            f"the processes' ports are open to the network ({why}), and TensorFlow's servers there "
            "do what anyone who reaches them says, read and write files too; close them to others."
        )
    return None


def _say(line):
    print(f"lm-zoo launch: {line}", file=sys.stderr, flush=True)


def _given(flag_values):
    """The flags that were given, as they are written."""
    given = [flag_values[name] for name in flag_values if flag_values[name].present]
    return [f"--{flag.name}={flag.value}" for flag in given]


def _print_line(name, line, is_error):
    if _NOTE.match(line):
        return
    print(f"[{name}] {line}", file=sys.stderr if is_error else sys.stdout, flush=True)
