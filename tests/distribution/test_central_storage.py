"""What parameters on one device and copies of the model on several cannot do: one line each.

That they learn what one device learns is among `tests/conformance/test_replica_invariance.py`.
"""

import json

import pytest

from lm_zoo.config import RuntimeConfig
from lm_zoo.distribution import strategies
from lm_zoo.distribution.strategies import make_distribution
from lm_zoo.errors import UserError


@pytest.fixture
def two_devices(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    monkeypatch.setattr(strategies, "choose_devices", lambda asked: ("CPU:0", "CPU:1"))


def test_xla_on_several_devices_is_refused(two_devices):
    """TensorFlow would fail at the first step: "Trying to access resource ... located in"."""
    with pytest.raises(UserError, match="received CPU:0, CPU:1 with runtime.jit_compile=True; set"):
        make_distribution(RuntimeConfig("central_storage", jit_compile=True))


def test_more_devices_than_rows_are_refused(two_devices):
    distribution = make_distribution(RuntimeConfig("central_storage"))
    assert distribution.num_replicas == 2
    with pytest.raises(UserError, match="expected at least one row for each of the 2 replicas"):
        distribution.row_layout(batch_size=1)


def test_it_stays_in_one_process(monkeypatch):
    cluster = {"worker": ["localhost:1", "localhost:2"]}
    task = {"type": "worker", "index": 0}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": task}))
    with pytest.raises(UserError, match="2 workers, but central_storage runs in one process"):
        make_distribution(RuntimeConfig("central_storage"))
