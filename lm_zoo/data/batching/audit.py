"""Records which of the data each worker trains on; `lm_zoo.data.batching.audit_proof` reads it.

Each worker writes a line a step, before the step is made, into `worker-<index>.jsonl`:

    {"step": 7, "rows": [0, 4], "windows": [31, 2, 17, 8]}
    {"step": 7, "rows": [0, 2], "targets": [[350, 400], [1350, 1400]]}

windows by their index (-1: a row that fills up the batch), or for rows read from left to right the
range of targets. A step that was lost with a killed process is struck out when the run goes on,
like its points on the curves.
"""

import contextlib
import json
import os
import pathlib
import re

import numpy as np

from lm_zoo.errors import UserError
from lm_zoo.files.input_files import open_input
from lm_zoo.files.json_files import NotJson, natural, parse_json


class DataAudit:
    """One worker's record.

    Args:
        folder: Where the records of all workers lie.
        batches: The training batches (`lm_zoo.data.batching.batches`).
        rows_of: Function from a step to the rows of its batch that this worker trains on, a slice.
        worker: Index of this worker; the chief is 0.
        num_workers: How many there are.
    """

    def __init__(self, folder, batches, rows_of, worker=0, num_workers=1):
        self.folder = pathlib.Path(folder)
        self.batches = batches
        self.rows_of = rows_of
        self.worker = worker
        self.num_workers = num_workers

    @contextlib.contextmanager
    def recording_from(self, step):
        """Opens the record for going on at `step`, and closes it.

        Raises:
            UserError: If the steps before were not recorded.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"worker-{self.worker}.jsonl"
        kept = _truncate(path, step)
        if self.worker == 0:
            for other in records(self.folder):  # of workers that there were once
                if index(other) >= self.num_workers:
                    _truncate(other, step)
            if kept != step:
                raise UserError(
                    f"--audit_data: {path} holds {kept} of the {step} steps made so far; use "
                    "--audit_data from the first step. Leave it out, or start in a new --workdir."
                )
        # A line is written at once: the chief cannot save a step that a worker has not recorded,
        # because no step is made before all take part in it.
        with open(path, "a", encoding="utf-8", buffering=1) as self._file:
            yield

    def record(self, step, batches):
        """Records what is about to be trained on.

        Args:
            step: Number of the first step.
            batches: This worker's rows of the batch of each step from there on.
        """
        for number, batch in enumerate(batches, step):
            rows = self.rows_of(number)
            expected = self.batches.batch(number, rows).features
            if not all(np.array_equal(batch.features[name], expected[name]) for name in expected):
                raise UserError(
                    f"--audit_data: step {number} received the rows of another step; the data "
                    "order is broken, please report it."
                )
            start, stop, _ = rows.indices(self.batches.num_rows(number))
            line = {"step": number, "rows": [start, stop]}
            if self.batches.carries_state:
                line["targets"] = self.batches.target_ranges(number)[rows].tolist()
            else:
                line["windows"] = self.batches.examples_of(number)[rows].tolist()
            self._file.write(json.dumps(line) + "\n")


def records(folder):
    """Returns the paths of the records of all workers."""
    return sorted(pathlib.Path(folder).glob("worker-*.jsonl"), key=index)


def index(path):
    """Returns the worker whose record it is."""
    return int(re.search(r"\d+", path.name)[0])


def read(path):
    """Yields the lines of a record, checked."""
    with open_input(path) as lines:
        for line in lines:
            yield _parse(path, line)


def _parse(path, line):
    try:
        values = parse_json(line, _LINE)
        if len(values["rows"]) == 2 and ("windows" in values or "targets" in values):
            return values
    except NotJson:
        pass
    raise UserError(f"--audit_data: {path} is damaged at {line[:60]!r}; restore it.")


_LINE = {"step": natural, "rows": [int], "windows?": [int], "targets?": [[int]]}


def _truncate(path, step):
    """Strikes out the lines from `step` on, and one half written; returns how many stay."""
    if not path.exists():
        return 0
    kept, size = 0, 0
    with open_input(path) as lines:
        for line in lines:
            if not line.endswith(b"\n") or _parse(path, line)["step"] >= step:
                break
            kept, size = kept + 1, size + len(line)
    os.truncate(path, size)
    return kept
