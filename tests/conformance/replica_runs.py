"""Trains cases on layouts and writes what came out; run by the tests as a process of its own.

    python -m tests.conformance.replica_runs JOBS.json FOLDER [plain]

because a process can split its CPU only once, and workers are processes. `JOBS.json` lists pairs of
a case's fields and a layout's name. `plain` leaves out TensorFlow's work on graphs that makes them
run faster: here nearly all time goes into making them.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import zlib

import numpy as np

from lm_zoo.config import RuntimeConfig
from lm_zoo.distribution.launch.launcher import Launcher
from tests.conformance.replica_cases import LAYOUTS, Case
from tests.conformance.task_cases import TaskCase

ROOT = pathlib.Path(__file__).resolve().parents[2]
CASES = {kind.__name__: kind for kind in (Case, TaskCase)}


@dataclasses.dataclass
class Result:
    """What a run came to.

    Attributes:
        sums: Name -> float64 `(calls,)`: the sums of `TrainStep` after each call, `objective`,
            `weight` and the task's figures.
        steps: Updates after each call.
        skipped: Updates left out after each call, for an overflow.
        loss_scale: After each call.
        fingerprint: A checksum of the parameters after each call.
        figures: Name -> number: what an evaluation found at the end, where the case has one.
        parameters: Name -> array, at the end.
    """

    sums: dict
    steps: np.ndarray
    skipped: np.ndarray
    loss_scale: np.ndarray
    fingerprint: np.ndarray
    figures: dict
    parameters: dict

    def added(self, name, steps):
        """Returns what each call that ended after one of `steps` added to a sum."""
        return np.diff(self.sums[name][np.isin(self.steps, steps)], prepend=0.0)


def differences(found, expected):
    """Returns the largest difference in the curves and the largest in a parameter.

    The curves are each step's sums over its weight. NaN is no equality.
    """
    assert found.steps[-1] == expected.steps[-1] and set(found.sums) == set(expected.sums)
    weight = expected.added("weight", found.steps)
    np.testing.assert_array_equal(found.added("weight", found.steps), weight)
    curve = max(
        np.abs((found.added(name, found.steps) - expected.added(name, found.steps)) / weight).max()
        for name in found.sums
    )
    assert set(found.parameters) == set(expected.parameters)
    parameter = max(
        np.abs(found.parameters[name] - value).max() for name, value in expected.parameters.items()
    )
    return float(curve), float(parameter)


def assert_same(found, expected, tolerance=1e-5):
    """The promise: the same curves, and in the end the same parameters and their figures."""
    curve, parameter = differences(found, expected)
    assert curve <= tolerance, f"a curve differs by {curve}"
    assert parameter <= tolerance, f"parameters differ by {parameter}"
    assert found.figures.keys() == expected.figures.keys()
    for name, value in expected.figures.items():
        np.testing.assert_allclose(found.figures[name], value, 10 * tolerance, err_msg=name)


def path_of(folder, case, layout):
    return pathlib.Path(folder) / layout / f"{case.name}.npz"


def load(folder, case, layout):
    """Returns the `Result` that `run_jobs` wrote."""
    found = {"sums": {}, "figures": {}, "parameters": {}}
    with np.load(path_of(folder, case, layout)) as arrays:
        for key in arrays.files:
            field, _, name = key.partition(":")
            (found[field] if name else found)[name or field] = arrays[key]
    return Result(**found)


def run_jobs(folder, jobs, plain=False):
    """Runs `(case, layout's name)` pairs, at once in as many processes as there must be.

    A process for all that need one device, one for those that split the CPU, and a group for each
    number of workers.
    """
    groups = {}
    for case, name in jobs:
        layout = LAYOUTS[name]
        groups.setdefault((layout.workers, layout.replicas > 1), []).append((case, name))
    with contextlib.ExitStack() as stack:
        alone = []
        for (workers, divided), mine in sorted(groups.items()):
            path = pathlib.Path(folder) / f"jobs-{workers}-{divided}.json"
            listed = [(type(case).__name__, dataclasses.asdict(case), name) for case, name in mine]
            path.write_text(json.dumps(listed), encoding="utf-8")
            module = "tests.conformance.replica_runs"
            command = [sys.executable, "-m", module, str(path), str(folder), *["plain"] * plain]
            if workers == 1:
                output = stack.enter_context(open(path.with_suffix(".log"), "w+"))
                process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output)
                stack.callback(process.wait)
                stack.callback(process.kill)
                alone.append((process, output.name))
            else:
                _launch(command, workers)
        for process, log in alone:
            assert process.wait() == 0, pathlib.Path(log).read_text()


def _launch(command, workers):
    lines = []
    launcher = Launcher(
        ["env", f"--chdir={ROOT}", *command],
        workers,
        max_restarts=0,
        on_line=lambda name, line, is_error: lines.append(f"[{name}] {line}"),
    )
    assert launcher.run().status == 0, "\n".join(lines)


def train(case, layout, distribution):
    """Trains one case in this process; returns its `Result`."""
    import tensorflow as tf

    from lm_zoo.model_tensors import model_tensors
    from lm_zoo.training.train_step import TrainStep
    from tests.conformance.defects import DEFECTS

    config, task, model, batches, measure = case.make(layout, distribution)
    step = DEFECTS.get(case.defect, TrainStep)(task, model, batches, config, distribution)
    sums = {name: [] for name in step.row_sums}
    records = {name: [] for name in ("steps", "skipped", "loss_scale")}
    fingerprints = []
    for first, numbers in _calls(batches, case.steps, layout.steps_per_call):
        mine = [_batch(case, batches, number, step) for number in numbers]
        step.run(first, [config.optimizer.learning_rate] * len(mine), mine)
        for name, values in (sums | records).items():
            value = step.loss_scale if name == "loss_scale" else step.sums[name]
            values.append(float(value.numpy()))
        values = [tf.convert_to_tensor(v).numpy() for v in model.trainable_variables]
        fingerprints.append(zlib.crc32(b"".join(value.tobytes() for value in values)))
    parameters = {
        name: np.asarray(tf.convert_to_tensor(v))
        for name, v in model_tensors(model).items()
        if "seed" not in name
    }
    return Result(
        {name: np.array(values) for name, values in sums.items()},
        *map(np.array, records.values()),
        np.array(fingerprints),
        measure(),
        parameters,
    )


def _calls(batches, steps, steps_per_call):
    """Yields the first step and all steps of each call; those of one call have one shape."""
    waiting = []
    for step in range(steps):
        if waiting and batches.batch(step).shapes != batches.batch(waiting[0]).shapes:
            yield waiting[0], waiting
            waiting = []
        waiting.append(step)
        if len(waiting) == steps_per_call or step == steps - 1:
            yield waiting[0], waiting
            waiting = []


def _batch(case, batches, number, step):
    rows = step.layout_of(batches.num_rows(number)).local_rows
    batch = batches.batch(number, rows)
    if number == case.overflow_step and rows.stop == batches.batch_size:
        weights = batch.features["weights"].copy()
        weights[-1] *= 1e6
        batch = batch._replace(features=batch.features | {"weights": weights})
    return batch


def main(jobs_path, folder, plain=""):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    from lm_zoo.distribution.strategies import make_distribution

    if plain:
        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    jobs = json.loads(pathlib.Path(jobs_path).read_text("utf-8"))
    jobs = [(CASES[kind](**case), layout) for kind, case, layout in jobs]
    distributions = {}
    for case, name in jobs:
        layout = LAYOUTS[name]
        kind = layout.replicas, layout.workers, layout.strategy
        if kind not in distributions:
            usual = "one_device" if layout.replicas == 1 else "mirrored"
            strategy = layout.strategy or usual
            runtime = RuntimeConfig(strategy, (str(layout.replicas),), logical_cpus=4)
            if layout.workers > 1:
                runtime = RuntimeConfig("multi_worker")
            distributions[kind] = make_distribution(runtime)
        result = train(case, layout, distributions[kind])
        if distributions[kind].is_chief:
            path = path_of(folder, case, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            arrays = {}
            for field, value in dataclasses.asdict(result).items():
                named = value if isinstance(value, dict) else {"": value}
                arrays |= {f"{field}:{name}".rstrip(":"): part for name, part in named.items()}
            np.savez(path, **arrays)


if __name__ == "__main__":
    main(*sys.argv[1:])
