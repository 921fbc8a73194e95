"""What training a model took: steps, what it has seen, and time."""

from lm_zoo.files.json_files import check, natural
from lm_zoo.tables import render

_COST = {"seen": natural, "unit": str, "seconds": float}


def check_cost(values, name):
    """Raises a `NotJson` for what `training_cost` does not return."""
    if values:
        check(values, _COST, name)


def training_cost(clock, unit):
    """Returns what a report says of the training behind a checkpoint.

    Args:
        clock: What the checkpoint has of the training clock, or None.
        unit: What was counted as seen: `tokens` or `examples`.

    Returns:
        A dict with `seen`, `unit` and `seconds`; empty where it is not known, as for imported
        weights.
    """
    if not clock:
        return {}
    last = clock["last"]
    return {"seen": last["seen"], "unit": unit, "seconds": last["milliseconds"] / 1000}


def describe_checkpoint(step, training):
    """Returns the step of a checkpoint, and what its training took, in words."""
    if step is None:
        return "-"
    words = f"step {step:,}"
    if training:
        time = written_seconds(training["seconds"])
        words += f", {training['seen']:,} {training['unit']} seen, {time} of training"
    return words


def cost_table(rows):
    """Returns a table of what the training of several models took.

    Args:
        rows: Dicts with `name`, `model`, `parameters`, `step` and `training`.
    """
    units = {row["training"]["unit"] for row in rows if row["training"]}
    seen = f"{units.pop()} seen" if len(units) == 1 else "seen"
    cells = [
        [
            row["name"],
            row["model"],
            f"{row['parameters']:,}",
            "-" if row["step"] is None else f"{row['step']:,}",
            f"{row['training']['seen']:,}" if row["training"] else "-",
            written_seconds(row["training"]["seconds"]) if row["training"] else "-",
        ]
        for row in rows
    ]
    return render(["run", "model", "parameters", "steps", seen, "time"], cells, "llrrrr")


def written_seconds(seconds):
    """Returns a time in the unit that suits it: `3.2 s`, `12.5 min`, `1.5 h`."""
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"
