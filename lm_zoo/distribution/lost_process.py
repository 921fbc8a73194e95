"""When another process of the group ends or hangs: one line that says which, not a traceback."""

import contextlib
import re

import tensorflow as tf

from lm_zoo.errors import LostProcess

# What TensorFlow's collectives raise when a process at the other end is gone.
_GONE = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
)
_ABORTED = "Collective ops is aborted by"


@contextlib.contextmanager
def lost_processes_named(cluster):
    """Turns TensorFlow's errors about other processes of the `Cluster` into a `LostProcess`.

    With None for a process on its own nothing is changed.
    """
    try:
        yield
    except tf.errors.OpError as error:
        message = str(error.message)
        if cluster is None or not (isinstance(error, _GONE) or _ABORTED in message):
            raise
        cause = (message.split(_ABORTED)[-1].lstrip(": ").splitlines() or [type(error).__name__])[0]
        raise LostProcess(
            f"cluster: {_who(cluster, message)} ended or cannot be reached ({cause[:120]}); start "
            "all processes again to continue from the last checkpoint."
        ) from error


def _who(cluster, message):
    named = {int(index) for index in re.findall(r"/job:worker/replica:0/task:(\d+)", message)}
    named = sorted(named - {cluster.index})
    others = [cluster.workers[i] for i in named if i < len(cluster.workers)]
    return others[0] if len(others) == 1 else "another process"
