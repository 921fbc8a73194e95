"""Parameter servers: a chief that hands out steps, workers that compute them, servers that hold.

Workers and servers run TensorFlow's server alone and learn from the chief what to do, so a worker
that was killed can be started again at any time and takes part again.
"""

import contextlib
import os
import signal
import sys
import threading
import time

import tensorflow as tf

from lm_zoo.distribution.launch.listening import is_listening
from lm_zoo.distribution.launch.rendezvous import LEAVE_SECONDS
from lm_zoo.errors import UserError

WATCH_SECONDS = 1.0
GONE_SECONDS = 30  # without a chief, after which a worker or server ends


def check_jobs(cluster):
    """Raises a `UserError` unless the cluster has the jobs that this strategy needs."""
    for job in ("chief", "worker", "ps"):
        if not cluster.jobs.get(job):
            raise UserError(
                f"{cluster.origin}: cluster.{job}: parameter_server needs at least one, received "
                "none; start with `lm-zoo launch --workers=N --parameter_servers=M -- train "
                "...`, or name a chief, workers and ps."
            )


def serve(cluster, connect_seconds):
    """A worker's or parameter server's whole life: serves until the chief is gone.

    Args:
        cluster: The `Cluster`.
        connect_seconds: How long the chief is waited for at first.

    Returns:
        Never: the process ends with status 0 when the chief has left, and with 2 if it never came.
    """
    os.environ.setdefault("GRPC_FAIL_FAST", "use_caller")  # so that lost workers are noticed
    server = tf.distribute.Server(
        tf.train.ClusterSpec(cluster.jobs), cluster.task_type, cluster.task_index, start=True
    )
    threading.Thread(target=_watch, args=(cluster.workers[0], connect_seconds), daemon=True).start()
    server.join()


def _watch(chief, connect_seconds):
    """Ends the process when nothing listens at the chief's address any more."""
    seen, last = False, time.monotonic()
    while True:
        if is_listening(chief):
            seen, last = True, time.monotonic()
        limit = GONE_SECONDS if seen else connect_seconds
        if time.monotonic() - last > limit:
            if not seen:
                line = f"cluster: no chief at {chief} within {limit:g} s; start it."
                print(f"error: {line}", file=sys.stderr, flush=True)
            os._exit(0 if seen else 2)
        time.sleep(WATCH_SECONDS)


def wait_for_servers(cluster, seconds):
    """Waits until every worker and parameter server listens.

    Raises:
        UserError: Naming the addresses of those that do not in time.
    """
    deadline = time.monotonic() + seconds
    missing = [*cluster.jobs["worker"], *cluster.jobs["ps"]]
    while missing:
        missing = [address for address in missing if not is_listening(address)]
        if missing and time.monotonic() > deadline:
            raise UserError(
                f"cluster: no answer from {', '.join(missing)} within {seconds:g} s; start all "
                "processes, and check the addresses and the network."
            )
        time.sleep(0.1)


@contextlib.contextmanager
def chief_leaves():
    """Sees that the chief's process ends: call what is yielded with the exit status.

    TensorFlow's coordinator waits on leaving for a worker that is just coming back, without end.
    """

    def leave(status):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)

    try:
        yield leave
    except BaseException:
        signal.alarm(LEAVE_SECONDS)
        raise
