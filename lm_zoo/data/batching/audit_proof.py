"""Proves from what all workers recorded that each part of the data was used once an epoch."""

import heapq
import itertools

import numpy as np

from lm_zoo.data.batching.audit import read, records
from lm_zoo.errors import UserError


def verify(folder, batches, steps):
    """Proves, from the records of all workers, that all data was used exactly once an epoch.

    Args:
        folder: Where the records lie.
        batches: The training batches.
        steps: Steps made since the run began.

    Returns:
        One line that says so.

    Raises:
        UserError: If it was not, naming the window (or the targets) and the step.
    """
    rows = _rows_of_steps(records(folder), batches.num_rows, steps)
    check = _check_targets if batches.carries_state else _check_windows
    used = check(rows, batches)
    workers = _plural(len(records(folder)), "worker")
    return f"Audit: {used} ({_plural(steps, 'step')}, {workers})."


def _check_windows(rows, batches):
    """Every whole epoch has each window once; the last, if not whole, none twice."""
    count, epoch = batches.num_examples, 0
    used_at = np.full(count, -1, np.int64)  # step in this epoch, by window
    number = 0
    used = ((step, window) for step, window in rows if window != -1)
    for number, (step, window) in enumerate(used, 1):
        if not 0 <= window < count:
            raise _wrong(f"step {step} used window {window}, and there are {count}")
        if used_at[window] >= 0:
            missing = np.flatnonzero(used_at < 0)[0]
            raise _wrong(
                f"window {window} was used at step {used_at[window]} and again at step {step} of "
                f"epoch {epoch}, in which window {missing} has not been used"
            )
        used_at[window] = step
        if number % count == 0:
            epoch += 1
            used_at[:] = -1
    whole, rest = divmod(number, count)
    return _said(count, "windows", whole, rest)


def _check_targets(rows, batches):
    """In each epoch every row's ranges go on from each other, from its start to its end."""
    starts, ends = batches.row_starts[:-1], batches.row_starts[1:]
    reached, whole, step = starts.copy(), 0, -1
    for number, (step, (first, stop)) in enumerate(rows):
        row = number % batches.batch_size
        if step and step % batches.steps_per_epoch == 0:
            if row == 0:
                _require_ends(reached, ends, step)
                whole += 1
            reached[row] = starts[row]
        if first != reached[row] or stop > ends[row] or stop < first:
            raise _wrong(
                f"step {step} used targets {first} to {stop - 1} in row {row}, where target "
                f"{reached[row]} was the next and {ends[row] - 1} is the last"
            )
        reached[row] = stop
    if (step + 1) % batches.steps_per_epoch == 0:
        _require_ends(reached, ends, step + 1)
        whole, reached = whole + 1, starts
    rest = int((reached - starts).sum())
    return _said(batches.num_targets, "targets", whole, rest)


def _said(count, what, whole, rest):
    if not whole:
        return f"no epoch is whole yet; {rest:,} of {count:,} {what} were used, none of them twice"
    line = f"each of {count:,} {what} was used exactly once in {_plural(whole, 'whole epoch')}"
    return line + (f", and {rest:,} in the next, none of them twice" if rest else "")


def _plural(number, word):
    return f"{number:,} {word}{'s' * (number != 1)}"


def _require_ends(reached, ends, step):
    for row in np.flatnonzero(reached != ends)[:1]:
        raise _wrong(
            f"targets {reached[row]} to {ends[row] - 1} of row {row} were not used in the epoch "
            f"that ended before step {step}"
        )


def _rows_of_steps(paths, num_rows, steps):
    """Yields `(step, what)` for each row of each step in order, what all workers recorded."""
    lines = heapq.merge(*map(read, paths), key=lambda line: (line["step"], line["rows"]))
    expected = 0
    for step, parts in itertools.groupby(lines, key=lambda line: line["step"]):
        if step != expected:
            raise _wrong(f"no worker recorded step {expected}")
        covered = 0
        for part in parts:
            start, stop = part["rows"]
            used = part["windows"] if "windows" in part else part["targets"]
            if start == stop:
                continue
            if start != covered or len(used) != stop - start:
                raise _wrong(
                    f"step {step}: rows {start} to {stop - 1} were recorded after rows 0 to "
                    f"{covered - 1}; expected each row of the batch once"
                )
            covered = stop
            yield from ((step, one) for one in used)
        if covered != num_rows(step):
            last = num_rows(step) - 1
            raise _wrong(f"step {step}: rows {covered} to {last} were used by no worker")
        expected += 1
    if expected != steps:
        raise _wrong(f"no worker recorded step {expected}, {steps} steps were made")


def _wrong(what):
    return UserError(f"--audit_data: {what}.")
