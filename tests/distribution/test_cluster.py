"""Who trains together: TF_CONFIG and Slurm's variables, and mistakes in them."""

import json

import pytest

from lm_zoo.cli.main import main
from lm_zoo.distribution.cluster import expand_counts, expand_hosts, find_cluster
from lm_zoo.errors import UserError

TWO = {"worker": ["a:1", "b:2"]}
FIRST = {"type": "worker", "index": 0}


def tf_config(cluster, task=FIRST):
    return json.dumps({"cluster": cluster, "task": task})


def found(cluster, task=FIRST):
    return find_cluster({"TF_CONFIG": tf_config(cluster, task)})


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"TF_CONFIG": ""},
        {"TF_CONFIG": "{}"},
        {"TF_CONFIG": tf_config({"worker": ["a:1"]})},
        {"TF_CONFIG": tf_config({"worker": ["a:1"], "evaluator": ["b:1"]})},
        {"SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "1"},
    ],
    ids=str,
)
def test_a_process_on_its_own(environment):
    assert find_cluster(environment) is None


def test_workers_in_order():
    cluster = found(TWO, {"type": "worker", "index": 1})
    assert (cluster.workers, cluster.index, cluster.address) == (["a:1", "b:2"], 1, "b:2")


def test_the_chief_is_the_first_worker():
    jobs = {"worker": ["b:2", "c:3"], "chief": ["a:1"]}
    assert found(jobs, {"type": "chief", "index": 0}).index == 0
    cluster = found(jobs, {"type": "worker", "index": 1})
    assert (cluster.workers, cluster.index, cluster.address) == (["a:1", "b:2", "c:3"], 2, "c:3")


def test_what_is_written_is_what_was_read():
    cluster = found(TWO, {"type": "worker", "index": "1"})
    assert find_cluster({"TF_CONFIG": cluster.tf_config()}) == cluster


def test_addresses_by_index():
    assert found({"worker": {"1": "b:2", "0": "a:1"}}).workers == ["a:1", "b:2"]


def test_ipv6():
    assert found({"worker": ["[::1]:1", "[fe80::2]:2"]}).address == "[::1]:1"


MISTAKES = {
    "{": ["not JSON"],
    "[]": ["no cluster"],
    '{"task": {"type": "worker", "index": 0}}': ["no cluster"],
    '{"cluster": {"worker": ["a:1", "b:2"]}}': ["which task"],
    tf_config(TWO, {"type": "worker"}): ["which task"],
    tf_config(TWO, {"type": "worker", "index": 2}): ["task.index", "0 to 1", "2"],
    tf_config(TWO, {"type": "worker", "index": -1}): ["task.index", "0 to 1", "-1"],
    tf_config(TWO, {"type": "worker", "index": "one"}): ["task.index", "'one'"],
    tf_config(TWO, {"type": "worker", "index": 0.5}): ["task.index", "0.5"],
    tf_config(TWO, {"type": "chief", "index": 0}): ["task.type", "'chief'", "worker"],
    tf_config(TWO, {"type": ["worker"], "index": 0}): ["task.type", "worker"],
    tf_config({"workers": ["a:1", "b:2"]}): ["'workers'", "Did you mean 'worker'"],
    tf_config({"worker": "a:1"}): ["cluster.worker", "list", "'a:1'"],
    tf_config({"worker": ["a:1", "b"]}): ["cluster.worker[1]", "host:port", "'b'"],
    tf_config({"worker": ["a:1", "b:99999"]}): ["cluster.worker[1]", "'b:99999'"],
    tf_config({"worker": ["a:1", 7]}): ["cluster.worker[1]", "7"],
    tf_config({"worker": ["a:1", "a:1"]}): ["cluster.worker[1]", "a:1 is also cluster.worker[0]"],
    tf_config({"worker": ["a:1"], "ps": ["a:1"]}): ["cluster.ps[0]", "also cluster.worker[0]"],
    tf_config({"worker": {"0": "a:1", "2": "b:2"}}): ["cluster.worker", "0 to 1", "0, 2"],
    tf_config({"chief": ["a:1", "b:1"], "worker": ["c:1"]}): ["cluster.chief", "2"],
    tf_config({"ps": ["a:1", "b:1"]}, {"type": "ps", "index": 0}): ["no workers"],
    tf_config({"worker": ["a:1"], "evaluator": ["b:1"]}, {"type": "evaluator", "index": 0}): [
        "evaluator"
    ],
}


@pytest.fixture
def train(tmp_path, monkeypatch, capsys):
    """Runs `lm-zoo train` with more variables, which must be refused; returns its one line."""

    def run(environment, *arguments):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        workdir = tmp_path / "run"
        status = main(["train", "--config=quickstart_lstm", f"--workdir={workdir}", *arguments])
        errors = capsys.readouterr().err
        assert status == 2, errors
        assert errors.count("\n") == 1 and "Traceback" not in errors
        assert not workdir.exists()
        return errors

    return run


@pytest.mark.parametrize("text, expected", MISTAKES.items(), ids=lambda value: str(value)[:50])
def test_mistakes_in_tf_config(train, text, expected):
    line = train({"TF_CONFIG": text})
    for part in ["TF_CONFIG", *expected]:
        assert part in line


def test_one_process_strategies_are_refused_in_a_cluster(train):
    line = train({"TF_CONFIG": tf_config(TWO)}, "--strategy=mirrored")
    assert "TF_CONFIG" in line and "2 workers" in line and "mirrored" in line


SLURM = {
    "SLURM_STEP_NUM_TASKS": "4",
    "SLURM_STEP_NODELIST": "node[08-10]",
    "SLURM_STEP_TASKS_PER_NODE": "2,1(x2)",
    "SLURM_PROCID": "2",
}


def test_slurm():
    cluster = find_cluster(SLURM)
    assert cluster.workers == ["node08:23456", "node08:23457", "node09:23456", "node10:23456"]
    assert (cluster.index, cluster.address, cluster.origin) == (2, "node09:23456", "Slurm")


def test_slurm_with_another_port():
    assert find_cluster(SLURM | {"LM_ZOO_SLURM_PORT": "7000"}).address == "node09:7000"


def test_tf_config_goes_before_slurm():
    assert find_cluster(SLURM | {"TF_CONFIG": tf_config(TWO)}).workers == ["a:1", "b:2"]


@pytest.mark.parametrize(
    "text, hosts",
    [
        ("one", ["one"]),
        ("a,b", ["a", "b"]),
        ("a[1-3]", ["a1", "a2", "a3"]),
        ("a[098-101,7],b-2", ["a098", "a099", "a100", "a101", "a7", "b-2"]),
        ("r[1-2]n[1-2]", ["r1n1", "r1n2", "r2n1", "r2n2"]),
        ("a[1-2].net,b", ["a1.net", "a2.net", "b"]),
    ],
)
def test_slurms_node_lists(text, hosts):
    assert expand_hosts(text) == hosts


def test_slurms_counts():
    assert expand_counts("2(x3),1") == [2, 2, 2, 1]


@pytest.mark.parametrize(
    "changed, expected",
    [
        ({"SLURM_STEP_NODELIST": ""}, ["SLURM_STEP_NODELIST"]),
        ({"SLURM_STEP_NODELIST": "node[a-c]"}, ["SLURM_STEP_NODELIST", "node[a-c]"]),
        ({"SLURM_STEP_NODELIST": "node[08-09]"}, ["2 nodes", "3"]),
        ({"SLURM_STEP_TASKS_PER_NODE": "two"}, ["SLURM_STEP_TASKS_PER_NODE", "two"]),
        ({"SLURM_PROCID": "4"}, ["SLURM_PROCID", "4", "0 to 3"]),
        ({"SLURM_PROCID": "x"}, ["SLURM_PROCID", "'x'"]),
        ({"SLURM_STEP_NUM_TASKS": "x"}, ["SLURM_STEP_NUM_TASKS", "'x'"]),
        ({"SLURM_DISTRIBUTION": "cyclic"}, ["SLURM_DISTRIBUTION", "block", "cyclic"]),
    ],
    ids=str,
)
def test_mistakes_in_slurms_variables(train, changed, expected):
    line = train(SLURM | changed)
    for part in expected:
        assert part in line


def test_a_wrong_job_is_a_mistake_for_library_callers_too():
    with pytest.raises(UserError, match="task.type"):
        found(TWO, {"type": "master", "index": 0})
