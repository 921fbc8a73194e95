"""The devices and processes that a command is to run on."""

import dataclasses
import sys

from lm_zoo.checked_fields import field
from lm_zoo.config import STRATEGIES
from lm_zoo.config.config_json import learned_from


@dataclasses.dataclass
class DeviceFlags:
    """Of commands that have no config of their own."""

    strategy: str = field(
        "one_device",
        choices=[s for s in STRATEGIES if s != "parameter_server"],
        help="How the devices are used; auto takes all.",
    )
    devices: tuple[str, ...] = field((), help="One number, or names such as GPU:0,GPU:1.")
    logical_cpus: int = field(
        1, at_least=1, help="Devices that the CPU is split into, to try things out."
    )


def distribution_for(config, flag_values):
    """Meets the other processes, if there are any, and returns the `Distribution` to train on.

    Must come before anything uses TensorFlow's devices.
    """
    if flag_values.strategy:
        config.runtime.strategy = flag_values.strategy
    fields = {f"config.{name}": value for name, value in learned_from(config).items()}
    for name in ("micro_batches", "steps_per_call", "strategy"):
        fields[f"config.runtime.{name}"] = getattr(config.runtime, name)
    return _met(config.runtime, fields)


def distribution_of_flags(flag_values, same=()):
    """Meets the other processes, if any, and returns the `Distribution` that `DeviceFlags` ask for.

    Args:
        flag_values: The command's flags.
        same: Names of the flags that must be the same in all processes.
    """
    from lm_zoo.config import RuntimeConfig
    from lm_zoo.distribution.cluster import find_cluster

    strategy = flag_values.strategy
    if strategy == "one_device" and not flag_values["strategy"].present and find_cluster():
        strategy = "multi_worker"
    runtime = RuntimeConfig(
        strategy=strategy, devices=tuple(flag_values.devices), logical_cpus=flag_values.logical_cpus
    )
    return _met(runtime, {f"--{name}": getattr(flag_values, name) for name in same})


def _met(runtime, fields):
    import tensorflow as tf

    from lm_zoo import __version__
    from lm_zoo.distribution.cluster import find_cluster
    from lm_zoo.distribution.launch.launched_process import is_launched
    from lm_zoo.distribution.launch.rendezvous import meet
    from lm_zoo.distribution.launch.source_version import source_version
    from lm_zoo.distribution.lost_process import lost_processes_named
    from lm_zoo.distribution.strategies import check_cluster, make_distribution

    cluster = find_cluster()
    check_cluster(runtime.strategy, cluster)
    # Parameter servers and their workers are told by the chief what to do, and may come later.
    if cluster and not cluster.has_parameter_servers:
        fields["lm_zoo version"] = f"{__version__} ({source_version()})"
        fields["tensorflow version"] = tf.__version__
        meet(cluster, fields, runtime.connect_seconds)
    if cluster and cluster.address == cluster.workers[0] and not is_launched():
        _say_that_ports_are_open(cluster)
    with lost_processes_named(cluster):
        return make_distribution(runtime)


def _say_that_ports_are_open(cluster):
    from lm_zoo.distribution.launch.cluster_token import VARIABLE, find_token
    from lm_zoo.distribution.launch.listening import has_outside_interface

    if not has_outside_interface():
        return
    everyone = [address for addresses in cluster.jobs.values() for address in addresses]
    token = "" if find_token() else f" No {VARIABLE} is set: they can end the start as well."
    print(
        f"The ports {', '.join(everyone)} are open to the network, and TensorFlow's servers there "
        "do what anyone who reaches them says, read and write files too; close them to others."
        f"{token}",
        file=sys.stderr,
        flush=True,
    )
