"""TensorFlow's errors about processes that are gone become one line; others stay what they are."""

import pytest
import tensorflow as tf

from lm_zoo.distribution.cluster import Cluster
from lm_zoo.distribution.launch.source_version import source_version
from lm_zoo.distribution.lost_process import lost_processes_named
from lm_zoo.errors import LostProcess

CLUSTER = Cluster({"worker": ["a:1", "b:2", "c:3"]}, "worker", 0)
# As TensorFlow 2.21 worded them.
RESET = (
    "Graph execution error:\n\nDetected at node CollectiveReduceV2\n"
    "Collective ops is aborted by: recvmsg:Connection reset by peer\nAdditional GRPC error "
    "information from remote target /job:worker/replica:0/task:1 while calling "
    "/tensorflow.WorkerService/RecvBuf:\n:UNKNOWN:Error received from peer"
)
SILENT = (
    "Collective ops is aborted by: Error reported from /job:worker/task:2: The following tasks are "
    "unhealthy (stopped sending heartbeats):\n/job:worker/replica:0/task:2\nThe tasks have crashed."
)
UNKNOWN = "Collective ops is aborted by: Deadline Exceeded\nRPC: /tensorflow.Coordination"


def raised(error, cluster=CLUSTER):
    with lost_processes_named(cluster):
        raise error


@pytest.mark.parametrize(
    "error, who",
    [
        (tf.errors.UnavailableError(None, None, RESET), "b:2 ended"),
        (tf.errors.UnavailableError(None, None, SILENT), "c:3 ended"),
        (tf.errors.DeadlineExceededError(None, None, UNKNOWN), "another process ended"),
        (tf.errors.InternalError(None, None, UNKNOWN), "another process ended"),
        (tf.errors.CancelledError(None, None, ""), "another process ended"),
    ],
)
def test_the_process_is_named(error, who):
    with pytest.raises(LostProcess, match=who) as caught:
        raised(error)
    assert "\n" not in str(caught.value) and "start all processes again" in str(caught.value)


@pytest.mark.parametrize(
    "error, cluster",
    [
        (tf.errors.InvalidArgumentError(None, None, "shapes differ"), CLUSTER),
        (tf.errors.UnavailableError(None, None, RESET), None),
        (ValueError("no"), CLUSTER),
    ],
)
def test_other_errors_are_left_alone(error, cluster):
    with pytest.raises(type(error)) as caught:
        raised(error, cluster)
    assert caught.value is error


def test_copies_of_the_package_that_differ_are_told_apart(tmp_path):
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "module.py").write_text("a = 1\n")
    before = source_version(tmp_path)
    (tmp_path / "part" / "notes.txt").write_text("not code")
    assert source_version(tmp_path) == before
    (tmp_path / "part" / "module.py").write_text("a = 2\n")
    assert source_version(tmp_path) != before
    assert source_version() == source_version()
