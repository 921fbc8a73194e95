"""Comparing runs by their evaluations: `lm_zoo.compare`."""

import os
import shlex
from typing import TYPE_CHECKING, Any

from lm_zoo.errors import UserError
from lm_zoo.evaluation import compare as ledgers_comparison
from lm_zoo.evaluation.compare_figures import compare_figures, is_figures
from lm_zoo.evaluation.ledger import Ledger
from lm_zoo.evaluation.scores import Scores, is_scores
from lm_zoo.files import expanded
from lm_zoo.files.json_files import read_kept_json
from lm_zoo.run_folder import RunFolder

if TYPE_CHECKING:
    from lm_zoo.evaluation.compare import Comparison
    from lm_zoo.evaluation.compare_figures import FiguresComparison


def compare(runs: Any, split: str = "test") -> "Comparison | FiguresComparison":
    """Sets the evaluations of several runs side by side, best first.

        print(lm_zoo.compare(["runs/lstm", "runs/transformer"]))
        print(lm_zoo.compare({"mine": run.evaluate(), "theirs": other.evaluate()}))

    Runs of pairs are compared by BLEU where all have been translated, and by perplexity else; of
    other tasks by the first figure of which more is better, such as accuracy.

    Args:
        runs: A list of `Run`s, runs' folders or ledger files, which `lm-zoo evaluate` has measured;
            or a dict of such, or of what `Run.evaluate` returned, by the names that are shown.
        split: Which split's evaluations are read of folders.

    Returns:
        A `Comparison`, or a `FiguresComparison` where tasks have no ledgers.

    Raises:
        UserError: For a run without that evaluation, and where the figures are unlike, naming the
            field and both values.
    """
    named = runs if isinstance(runs, dict) else {os.fspath(_path_of(run)): run for run in runs}
    if not named:
        raise UserError("compare: expected at least one run, received none.")
    results = {name: list(_results(run, split)) for name, run in named.items()}
    if any(is_figures(evaluation) for evaluation, *_ in results.values()):
        return compare_figures({name: values[0] for name, values in results.items()})
    ledgers = {name: Ledger.from_dict(values[0]) for name, values in results.items()}
    scores = {name: _scores(results[name][1:], ledger) for name, ledger in ledgers.items()}
    return ledgers_comparison.compare(ledgers, translations=scores)


def _path_of(run):
    """Returns the path of a `Run`'s folder, or the path that was given."""
    folder = getattr(run, "folder", None)
    return folder.path if folder else run


def _results(run, split):
    """Yields what evaluating a run's split gave: the evaluation, and what was found besides."""
    file = f"evaluation-{split}.json"
    if hasattr(run, "results"):  # a report
        found = run.results(split)
        yield found.pop(file)
        yield from found.values()
        return
    run = _path_of(run)
    path = expanded(run)
    if not path.is_file():
        path = RunFolder(run).require().results / file
        if not path.is_file():
            raise UserError(
                f"compare: {run} has no evaluation on its {split} split; run `lm-zoo evaluate "
                f"--workdir={shlex.quote(str(run))} --split={split}` first."
            )
    yield _read(path)
    if path.name == file:
        others = sorted(path.parent.glob(f"*-{split}.json"))
        yield from (_read(other) for other in others if other != path)


def _read(path):
    return read_kept_json("compare", path, dict, "evaluate the run again")


def _scores(results, ledger):
    """Returns the `Scores` among results, or None; those of another checkpoint do not count."""
    for values in results:
        if is_scores(values) and values.get("step") == ledger.step:
            return Scores.from_dict(values)
    return None
