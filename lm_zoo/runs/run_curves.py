"""The validation curves of several runs on one page: `lm-zoo compare --plot`, `lm_zoo.plot_curves`."""

import os
from collections.abc import Sequence

from lm_zoo.errors import UserError
from lm_zoo.figures import NAMES
from lm_zoo.files import expanded, make_folder_for, write_atomically
from lm_zoo.plots import curves_plot
from lm_zoo.runs.run_folder import RunFolder
from lm_zoo.templates import render
from lm_zoo.types import Path

AXES = ("steps", "tokens or examples seen", "seconds of training")
_LEFT_OUT = ("perplexity",)  # the loss says the same


def plot_curves(runs: Sequence[Path], path: Path) -> None:
    """Draws the validation curves of runs: by steps, by tokens seen and by the time of training.

    Args:
        runs: Folders of runs.
        path: The HTML file to write, which needs nothing besides itself.

    Raises:
        UserError: For a run without curves, and if the file cannot be written.
    """
    for run in runs:
        if expanded(run).is_file():
            raise UserError(
                f"--plot: expected folders of runs, received the file {run}, which has no curves; "
                "leave it out, or use the folder of its run."
            )
    path = expanded(path)
    make_folder_for(path)
    write_atomically(path, curves_page({os.fspath(run): RunFolder(run) for run in runs}))


def curves_page(folders):
    """Returns the text of the page.

    Args:
        folders: Name that is shown -> `RunFolder`.
    """
    curves = {name: _validation(name, folder.require()) for name, folder in folders.items()}
    first, *others = curves.values()
    tags = [tag for tag in first if tag not in _LEFT_OUT and all(tag in other for other in others)]
    plots = [(f"Validation {_label(tag)}", _plots(tag, curves)) for tag in tags]
    return render("curves.html", title="Curves of runs", names=list(curves), plots=plots)


def _plots(tag, curves):
    """Returns a plot of a figure for each of `AXES`."""
    found = []
    for number, axis in enumerate(AXES):
        points = {name: [(at[number], y) for at, y in of[tag]] for name, of in curves.items()}
        best = "; ".join(f"{name} ends at {values[-1][1]:.4g}" for name, values in points.items())
        title = f"{_label(tag)} by {axis}"
        found.append(curves_plot(f"{tag}-{number}", title, f"{best}.", points, axis, _label(tag)))
    return found


def _label(tag):
    return NAMES.get(tag, tag.replace("_", " "))


def _validation(name, folder):
    """Returns tag -> list of `((steps, seen, seconds), value)` of a run's validation."""
    from lm_zoo.training.event_files import scalars  # it takes a while to load

    by_step = scalars(folder.path / "validation")
    loss = "loss_validation"
    seen = next((c for tag, c in scalars(folder.path).items() if tag.endswith(loss)), [])
    time = scalars(folder.path / "time").get(f"metrics_over_time/{loss}", [])
    steps = [step for step, _ in by_step.get("metrics/loss", [])]
    if not steps or not len(steps) == len(seen) == len(time):
        raise UserError(
            f"compare: {name} has no whole validation curves; expected those of a run that was "
            "trained here with a validation split. Leave it out of --plot."
        )
    places = {
        step: (step, of_seen[0], of_time[0] / 1000)
        for step, of_seen, of_time in zip(steps, seen, time)
    }
    return {
        tag.rpartition("/")[2]: [(places[step], value) for step, value in curve if step in places]
        for tag, curve in by_step.items()
    }
