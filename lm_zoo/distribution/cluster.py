"""Which processes train together, from `TF_CONFIG` or Slurm's variables. Standard library only."""

import dataclasses
import json
import os
import re

from lm_zoo.errors import UserError, unknown_name
from lm_zoo.files.json_files import NotJson, parse_json

JOBS = ("chief", "worker", "ps", "evaluator")
EXPECTED = (
    'expected JSON like {"cluster": {"worker": ["host1:2222", "host2:2222"]}, '
    '"task": {"type": "worker", "index": 0}}'
)
SLURM_PORT = 23456  # of a node's first task; the next task there has the next port


@dataclasses.dataclass(frozen=True)
class Cluster:
    """A group of processes and this one's place in it.

    Attributes:
        jobs: Job -> addresses `host:port`, in the order of `TF_CONFIG`.
        task_type: This process' job.
        task_index: Its index there.
        origin: Where this was read from, for errors: `TF_CONFIG` or `Slurm`.
    """

    jobs: dict
    task_type: str
    task_index: int
    origin: str = "TF_CONFIG"

    @property
    def workers(self):
        """Addresses of the processes that compute gradients, the chief first."""
        return [*self.jobs.get("chief", ()), *self.jobs.get("worker", ())]

    @property
    def index(self):
        """This process' place among `workers`."""
        return self.task_index + (
            len(self.jobs.get("chief", ())) if self.task_type == "worker" else 0
        )

    @property
    def address(self):
        return self.jobs[self.task_type][self.task_index]

    @property
    def has_parameter_servers(self):
        return bool(self.jobs.get("ps"))

    def tf_config(self):
        """Returns the JSON that TensorFlow reads."""
        task = {"type": self.task_type, "index": self.task_index}
        return json.dumps({"cluster": self.jobs, "task": task})


def find_cluster(environment=None):
    """Returns the `Cluster` that the environment describes, or None for a process on its own.

    `TF_CONFIG` goes before Slurm's variables, which count for steps of several tasks (`srun`).

    Raises:
        UserError: For a description that makes no sense, naming the part.
    """
    environment = os.environ if environment is None else environment
    text = environment.get("TF_CONFIG", "").strip()
    if text and text != "{}":
        return parse_tf_config(text)
    if int_of(environment, "SLURM_STEP_NUM_TASKS", 1) > 1 and "SLURM_PROCID" in environment:
        return parse_slurm(environment)
    return None


def parse_tf_config(text):
    """Reads the value of `TF_CONFIG`; None when it describes a single process."""
    try:
        values = parse_json(text)
    except NotJson as error:
        raise UserError(f"TF_CONFIG: {error}; {EXPECTED}.") from None
    cluster = values.get("cluster") if isinstance(values, dict) else None
    if not isinstance(cluster, dict) or not cluster:
        raise UserError(f"TF_CONFIG: no cluster in {text[:80]!r}; {EXPECTED}.")
    jobs, seen = {}, {}
    for job, addresses in cluster.items():
        if job not in JOBS:
            raise unknown_name("TF_CONFIG: cluster", job, JOBS)
        if isinstance(addresses, dict):
            addresses = _listed(f"TF_CONFIG: cluster.{job}", addresses)
        if not isinstance(addresses, list):
            raise UserError(f"TF_CONFIG: cluster.{job}: expected a list, received {addresses!r}.")
        for index, address in enumerate(addresses):
            _check_address(f"TF_CONFIG: cluster.{job}[{index}]", address)
            if address in seen:
                raise UserError(
                    f"TF_CONFIG: cluster.{job}[{index}]: {address} is also {seen[address]}; give "
                    "each process its own address."
                )
            seen[address] = f"cluster.{job}[{index}]"
        jobs[job] = list(addresses)
    if len(jobs.get("chief", ())) > 1:
        raise UserError(f"TF_CONFIG: cluster.chief: expected one, received {len(jobs['chief'])}.")
    task_type, task_index = _task(values, jobs)
    if not jobs.get("chief") and not jobs.get("worker"):
        raise UserError(f"TF_CONFIG: cluster has no workers; {EXPECTED}.")
    if task_type == "evaluator":
        raise UserError(
            "TF_CONFIG: task.type: expected chief, worker or ps, received evaluator; leave it "
            "out, the workers evaluate."
        )
    jobs.pop("evaluator", None)
    if sum(map(len, jobs.values())) == 1:
        return None
    return Cluster(jobs, task_type, task_index)


def _listed(field, addresses):
    """The addresses of a mapping index -> address, as Kubernetes operators write it."""
    expected = [str(index) for index in range(len(addresses))]
    if set(addresses) != set(expected):
        raise UserError(
            f"{field}: expected the indices 0 to {len(expected) - 1}, received "
            f"{', '.join(sorted(addresses))}; list every process of the job."
        )
    return [addresses[index] for index in expected]


def _task(values, jobs):
    task = values.get("task")
    if not isinstance(task, dict) or "type" not in task or "index" not in task:
        raise UserError(f"TF_CONFIG: it does not say which task this process has; {EXPECTED}.")
    job, index = task["type"], task["index"]
    if not isinstance(job, str) or job not in jobs:
        raise unknown_name("TF_CONFIG: task.type", job, jobs)
    index = int(index) if re.fullmatch(r"\d+", str(index)) else -1
    if not 0 <= index < len(jobs[job]):
        raise UserError(
            f"TF_CONFIG: task.index: expected 0 to {len(jobs[job]) - 1} (cluster.{job} has "
            f"{len(jobs[job])}), received {task['index']!r}; this process is not in its cluster."
        )
    return job, index


def _check_address(field, address):
    match = isinstance(address, str) and re.fullmatch(r"(\[[0-9a-fA-F:]+\]|[^\s:]+):(\d+)", address)
    if not match or not 0 < int(match[2]) < 65536:
        raise UserError(f"{field}: expected host:port, received {address!r}.")


def parse_slurm(environment):
    """Reads the variables that `srun` gives each task."""
    nodes = expand_hosts(_required(environment, "SLURM_STEP_NODELIST"))
    counts = expand_counts(_required(environment, "SLURM_STEP_TASKS_PER_NODE"))
    rank = int_of(environment, "SLURM_PROCID", 0)
    port = int_of(environment, "LM_ZOO_SLURM_PORT", SLURM_PORT)
    if len(nodes) != len(counts):
        raise UserError(
            f"Slurm: SLURM_STEP_NODELIST names {len(nodes)} nodes, SLURM_STEP_TASKS_PER_NODE "
            f"{len(counts)}; start the command with srun."
        )
    if environment.get("SLURM_DISTRIBUTION", "block").split(",")[0].split(":")[0] != "block":
        raise UserError(
            "Slurm: SLURM_DISTRIBUTION: expected block, received "
            f"{environment['SLURM_DISTRIBUTION']!r}; start with srun --distribution=block."
        )
    if len(nodes) == 1:
        nodes = ["localhost"]  # so that they need not meet where other machines can reach them
    workers = [f"{n}:{port + i}" for n, count in zip(nodes, counts) for i in range(count)]
    if not 0 <= rank < len(workers):
        raise UserError(f"Slurm: SLURM_PROCID is {rank}, expected 0 to {len(workers) - 1}.")
    return Cluster({"worker": workers}, "worker", rank, "Slurm")


def expand_hosts(text):
    """`a[01-03,7],b` -> a01, a02, a03, a7, b."""
    hosts = []
    for item in re.findall(r"(?:[^,\[]|\[[^\]]*\])+", text):
        match = re.fullmatch(r"([^\[]*)\[([^\]]*)\](.*)", item)
        if not match:
            hosts.append(item)
            continue
        prefix, ranges, suffix = match.groups()
        for part in ranges.split(","):
            first, _, last = part.partition("-")
            if not first.isdecimal() or not (last or first).isdecimal():
                raise UserError(
                    "Slurm: SLURM_STEP_NODELIST: expected names like node[01-03],other, received "
                    f"{text!r}."
                )
            numbers = range(int(first), int(last or first) + 1)
            inner = [f"{prefix}{number:0{len(first)}d}" for number in numbers]
            hosts += [host for name in inner for host in expand_hosts(name + suffix)]
    return hosts


def expand_counts(text):
    """`2(x3),1` -> 2, 2, 2, 1."""
    counts = []
    for item in text.split(","):
        match = re.fullmatch(r"(\d+)(?:\(x(\d+)\))?", item.strip())
        if not match:
            raise UserError(
                "Slurm: SLURM_STEP_TASKS_PER_NODE: expected counts like 2(x3),1, received "
                f"{text!r}."
            )
        counts += [int(match[1])] * int(match[2] or 1)
    return counts


def int_of(environment, name, default):
    try:
        return int(environment.get(name, default))
    except ValueError:
        raise UserError(f"{name}: expected a number, received {environment[name]!r}.") from None


def _required(environment, name):
    if not environment.get(name):
        raise UserError(f"Slurm: {name} is not set; start the command with srun, or set TF_CONFIG.")
    return environment[name]
