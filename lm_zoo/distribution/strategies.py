"""From `runtime.strategy` and what the machine has to a `tf.distribute` strategy."""

import contextlib
import dataclasses
import functools
import os
import sys
import threading

import numpy as np
import tensorflow as tf

from lm_zoo.distribution.cluster import find_cluster
from lm_zoo.distribution.parameter_server import check_jobs, serve, wait_for_servers
from lm_zoo.distribution.row_layout import RowLayout
from lm_zoo.errors import UserError


@dataclasses.dataclass(frozen=True)
class Distribution:
    """A strategy, with this process' place in it.

    Attributes:
        name: The value of `runtime.strategy`, with `auto` resolved.
        strategy: The `tf.distribute.Strategy`.
        devices: Names of this process' devices.
        cluster: The `Cluster`, or None for a process on its own.
    """

    name: str
    strategy: tf.distribute.Strategy
    devices: tuple = ()
    cluster: object = None

    @property
    def num_workers(self):
        return len(self.cluster.workers) if self.cluster else 1

    @property
    def worker(self):
        """This process' index among the workers; 0 is the chief."""
        return self.cluster.index if self.cluster else 0

    @property
    def is_chief(self):
        """Whether this process writes checkpoints and curves."""
        return self.worker == 0

    @property
    def num_replicas(self):
        return self.strategy.num_replicas_in_sync

    @property
    def for_evaluation(self):
        """What models are measured on: the chief alone, where workers run nothing but steps."""
        return default_distribution() if self.name == "parameter_server" else self

    def row_layout(self, batch_size, micro_batches=1):
        """Returns the `RowLayout` that divides a global batch among the replicas.

        Args:
            batch_size: Rows of the global batch.
            micro_batches: Parts of a replica's rows whose gradients are accumulated.
        """
        return RowLayout(
            batch_size, self.num_replicas, self.num_workers, self.worker, micro_batches
        )

    def local(self, value):
        """Returns this process' replicas' values of what `strategy.run` gave, a tuple."""
        return self.strategy.experimental_local_results(value)

    def scatter_rows(self, rows, layout):
        """Gives each replica of this process its rows, padded with 0.

        Args:
            rows: This process' rows of the global batch, a numpy array `(rows, ...)`.
            layout: The `RowLayout`.

        Returns:
            A per-replica tensor, `(layout.rows_per_replica, ...)` on each.
        """
        each, first = layout.rows_per_replica, layout.local_replicas.start
        missing = each * len(layout.local_replicas) - len(rows)
        if missing:
            rows = np.concatenate([rows, np.zeros((missing, *rows.shape[1:]), rows.dtype)])

        def part(context):
            start = (context.replica_id_in_sync_group - first) * each
            return tf.constant(rows[start : start + each])

        values = self.strategy.experimental_distribute_values_from_function(part)
        # As `strategy.run` gives them, so that one may take the other's place in a loop.
        return self.local(values)[0] if len(self.local(values)) == 1 else values

    def gather(self, values):
        """Returns all replicas' rows of per-replica tensors, each `(rows of all replicas, ...)`.

        Every process has to call it, and gets the same.

        Args:
            values: A list of per-replica tensors, of the same shapes at each call.
        """
        if self.num_workers == 1 or not values:
            return [tf.concat(self.local(value), axis=0) for value in values]
        gathered = self.strategy.run(self._all_gather, (values,))
        return [self.local(value)[0] for value in gathered]

    @functools.cached_property
    def _all_gather(self):
        # One function for all: TensorFlow's own `gather` traces a new one for each tensor.
        @tf.function(autograph=False)
        def all_gather(values):
            context = tf.distribute.get_replica_context()
            return [context.all_gather(tf.identity(value), axis=0) for value in values]

        return all_gather

    def sum(self, value):
        """Returns the sum of a number over all processes; every one of them has to call it."""
        if self.num_workers == 1:
            return value

        share = tf.constant(value, tf.float64) / (self.num_replicas // self.num_workers)
        return float(self.local(self.strategy.run(self._add, (share,)))[0])

    @functools.cached_property
    def _add(self):
        @tf.function(autograph=False)
        def add(share):
            context = tf.distribute.get_replica_context()
            return context.all_reduce(tf.distribute.ReduceOp.SUM, tf.identity(share))

        return add

    @contextlib.contextmanager
    def chief_first(self):
        """Lets the chief do something before the others do it: they find it in the cache then."""
        if not self.is_chief:
            self.sum(0.0)
        yield
        if self.is_chief:
            self.sum(0.0)

    def describe(self):
        """Returns one line for people."""
        where = ", ".join(self.devices)
        if self.num_workers > 1:
            where = f"{self.num_workers} processes, this is number {self.worker}, on {where}"
        replicas = f"{self.num_replicas} replica{'s' if self.num_replicas > 1 else ''}"
        return f"{self.name}, {replicas} ({where})"


def default_distribution():
    """The device that TensorFlow chooses, for models made without a strategy."""
    return Distribution("one_device", tf.distribute.get_strategy())


def make_distribution(runtime):
    """Builds the strategy that a `RuntimeConfig` asks for.

    Must come before anything else uses TensorFlow's devices.

    Raises:
        UserError: For a strategy that this machine cannot run, saying what it lacks.
    """
    cluster = find_cluster()
    name = runtime.strategy
    if runtime.logical_cpus > 1:
        _split_cpu(runtime.logical_cpus)
    # Listing devices initialises TensorFlow's runtime; the cluster must be configured first.
    devices = () if cluster else choose_devices(runtime.devices)
    if name == "auto":
        name = _automatic(cluster, devices)
    check_cluster(name, cluster)
    return _MAKERS[name](runtime, devices, cluster)


def check_cluster(name, cluster):
    """Raises a `UserError` if a strategy needs a cluster and there is none, or the reverse.

    Args:
        name: The value of `runtime.strategy`.
        cluster: A `Cluster` or None.
    """
    if cluster and name not in ("auto", "multi_worker", "parameter_server"):
        raise UserError(
            f"runtime.strategy: {cluster.origin} describes a cluster of {len(cluster.workers)} "
            f"workers, but {name} runs in one process; unset it, or use multi_worker."
        )
    if not cluster and name in ("multi_worker", "parameter_server"):
        raise UserError(
            f"runtime.strategy: {name} needs a cluster, but neither TF_CONFIG nor Slurm describes "
            "one; start with `lm-zoo launch --workers=N -- train ...`, or set TF_CONFIG."
        )


def _automatic(cluster, devices):
    if cluster:
        return "parameter_server" if cluster.has_parameter_servers else "multi_worker"
    if os.environ.get("TPU_NAME"):
        return "tpu"
    return "mirrored" if len(devices) > 1 else "one_device"


def _split_cpu(count):
    cpu = tf.config.list_physical_devices("CPU")[0]
    logical = [tf.config.LogicalDeviceConfiguration()] * count
    try:
        tf.config.set_logical_device_configuration(cpu, logical)
    except RuntimeError:
        if len(tf.config.list_logical_devices("CPU")) != count:
            raise UserError(
                "runtime.logical_cpus: TensorFlow is running with "
                f"{len(tf.config.list_logical_devices('CPU'))} already; start a new process to "
                f"get {count}."
            ) from None


def choose_devices(asked):
    """Returns device names, e.g. `("GPU:0", "GPU:1")`.

    Args:
        asked: Names; or one number; or nothing: all GPUs, or without any all (logical) CPUs.

    Raises:
        UserError: For a device that is not there, naming those that are.
    """
    there = {
        kind: [f"{kind}:{i}" for i in range(len(tf.config.list_logical_devices(kind)))]
        for kind in ("GPU", "CPU")
    }
    preferred = there["GPU"] or there["CPU"]
    if not asked:
        return tuple(preferred)
    if len(asked) == 1 and asked[0].isdecimal():
        count = int(asked[0])
        if not 1 <= count <= len(preferred):
            raise UserError(
                f"runtime.devices: expected 1 to {len(preferred)} (there are "
                f"{', '.join(preferred)}), received {count}; runtime.logical_cpus splits one CPU "
                "into several."
            )
        return tuple(preferred[:count])
    names = [name.strip().upper().removeprefix("/").removeprefix("DEVICE:") for name in asked]
    for name in names:
        if name not in there["GPU"] + there["CPU"]:
            listed = ", ".join(there["GPU"] + there["CPU"])
            raise UserError(f"runtime.devices: there is no {name!r}; expected among: {listed}.")
    if len(set(names)) < len(names):
        raise UserError(
            f"runtime.devices: expected different devices, received {', '.join(names)}."
        )
    return tuple(names)


def _one_device(runtime, devices, cluster):
    return Distribution("one_device", tf.distribute.OneDeviceStrategy(devices[0]), devices[:1])


def _mirrored(runtime, devices, cluster):
    # NCCL on GPUs. On CPUs the default reduction fails for several steps in one call, and for a
    # second strategy in one process.
    operations = None
    if not devices[0].startswith("GPU"):
        operations = tf.distribute.ReductionToOneDevice()
    strategy = tf.distribute.MirroredStrategy(list(devices), cross_device_ops=operations)
    return Distribution("mirrored", strategy, devices)


def _central_storage(runtime, devices, cluster):
    if runtime.jit_compile and len(devices) > 1:
        # XLA reads variables of its own device only, and here all are on one.
        raise UserError(
            "runtime.strategy: central_storage keeps the parameters on one device, where code "
            f"that XLA compiles for another cannot read them; received {', '.join(devices)} with "
            "runtime.jit_compile=True; set it to False, or use mirrored."
        )
    strategy = tf.distribute.experimental.CentralStorageStrategy(list(devices))
    return Distribution("central_storage", strategy, devices)


def _multi_worker(runtime, devices, cluster):
    os.environ["TF_CONFIG"] = cluster.tf_config()  # TensorFlow reads it, ours may be Slurm's
    seconds, connect = runtime.connect_seconds, tf.distribute.MultiWorkerMirroredStrategy
    strategy = _within(seconds, connect, _not_connected(cluster.workers, seconds))
    local = tuple(device.removeprefix("/") for device in strategy.extended.worker_devices)
    return Distribution("multi_worker", strategy, local, cluster)


def _parameter_server(runtime, devices, cluster):
    """The chief's part; a worker or parameter server serves, and does not come back."""
    check_jobs(cluster)
    os.environ["TF_CONFIG"] = cluster.tf_config()
    seconds = runtime.connect_seconds
    if cluster.task_type != "chief":
        serve(cluster, seconds)
    wait_for_servers(cluster, seconds)

    def connect():
        resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
        return tf.distribute.ParameterServerStrategy(resolver)

    problem = _not_connected(cluster.workers[1:], seconds)
    names = [f"{job} {i}" for job in ("worker", "ps") for i in range(len(cluster.jobs[job]))]
    # To the run the chief is a process on its own: it alone reads, evaluates and writes.
    return Distribution("parameter_server", _within(seconds, connect, problem), tuple(names))


def _tpu(runtime, devices, cluster):
    address = runtime.tpu or os.environ.get("TPU_NAME", "local")

    def connect():
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu=address)
        if address not in ("", "local"):
            tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
        return tf.distribute.TPUStrategy(resolver)

    problem = (
        f"runtime.tpu: no TPU answered at {address!r} within {runtime.connect_seconds} s; check "
        "the name and the network."
    )
    try:
        strategy = _within(runtime.connect_seconds, connect, problem)
    except (ValueError, tf.errors.OpError, RuntimeError) as error:
        if isinstance(error, UserError):
            raise
        reason = (str(error) or type(error).__name__).splitlines()[0].split(" used by")[0]
        raise UserError(
            f"runtime.tpu: no TPU at {address!r} ({reason[:160]}); give the name or address of "
            "one, or use another runtime.strategy."
        ) from None
    return Distribution("tpu", strategy, tuple(map(str, strategy.extended.worker_devices)))


def _not_connected(addresses, seconds):
    return (
        f"cluster: TensorFlow did not connect all of {', '.join(addresses)} within {seconds} s; "
        "check the addresses and the network."
    )


def _within(seconds, function, problem):
    """Calls a function that may never return; after a time limit says so, and ends the process.

    There is no way to stop such a call, and it keeps Python from leaving by itself.
    """
    result, failure = [], []

    def call():
        try:
            result.append(function())
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        print(f"error: {problem}", file=sys.stderr, flush=True)
        os._exit(2)
    if failure:
        raise failure[0]
    return result[0]


_MAKERS = {
    "one_device": _one_device,
    "mirrored": _mirrored,
    "multi_worker": _multi_worker,
    "parameter_server": _parameter_server,
    "central_storage": _central_storage,
    "tpu": _tpu,
}
