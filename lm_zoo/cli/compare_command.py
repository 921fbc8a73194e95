"""Sets the evaluations of several runs side by side, best first; refuses unlike figures.

    lm-zoo compare runs/quickstart_lstm runs/quickstart_transformer
    lm-zoo compare --split=validation --json runs/*

Arguments are run folders that `lm-zoo evaluate` has been used on, or ledger files that it wrote; what
is no run is left out, and named.
Runs of pairs are compared by BLEU where all have been translated, and by perplexity else; of other
tasks by the first figure of which more is better, such as accuracy.
"""

import dataclasses
import json
import logging
import shlex

from lm_zoo.checked_fields import field
from lm_zoo.errors import UserError
from lm_zoo.files import expanded
from lm_zoo.files.json_files import read_kept_json

ARGUMENTS = "RUN..."
USES_TENSORFLOW = False


@dataclasses.dataclass
class CompareFlags:
    split: str = field("test", help="Which split's evaluations to compare.")
    json: bool = field(False, help="Print JSON instead of the table.")


FLAGS = (CompareFlags,)


def run(flag_values, arguments):
    from lm_zoo.evaluation.compare import compare, render_comparison
    from lm_zoo.evaluation.compare_figures import (
        compare_figures,
        is_figures,
        render_figures,
    )
    from lm_zoo.evaluation.ledger import Ledger

    left_out = list(filter(_is_no_run, arguments))
    arguments = [name for name in arguments if name not in left_out]
    others = f", and what is no run: {', '.join(left_out)}" if left_out else ""
    if len(arguments) < 2:
        raise UserError(f"compare: expected two or more runs, received {len(arguments)}{others}.")
    if left_out:
        logging.warning("compare: left out, since it is no run: %s", ", ".join(left_out))
    found = {name: _read_evaluation(name, flag_values.split) for name in arguments}
    if any(map(is_figures, found.values())):
        figures = compare_figures(found)
        print(_as_json(figures) if flag_values.json else render_figures(figures))
        return
    ledgers = {name: Ledger.from_dict(values) for name, values in found.items()}
    translations = {
        name: _read_scores(name, flag_values.split, ledger) for name, ledger in ledgers.items()
    }
    comparison = compare(ledgers, translations=translations)
    print(_as_json(comparison.to_dict()) if flag_values.json else render_comparison(comparison))


def _is_no_run(name):
    """Whether a pattern (`runs/*`) has named something that is there, and no run."""
    from lm_zoo.run_folder import RunFolder

    path = expanded(name)
    is_one = path.suffix == ".json" if path.is_file() else RunFolder(name).begun()
    return path.exists() and not is_one


def _as_json(values):
    return json.dumps(values, indent=2, ensure_ascii=False)


def _read_evaluation(name, split):
    """Returns what `lm-zoo evaluate` kept of a run's split, or a file of it."""
    from lm_zoo.run_folder import RunFolder

    path = expanded(name)
    if not path.is_file():
        path = RunFolder(name).require().results / f"evaluation-{split}.json"
        if not path.is_file():
            raise UserError(
                f"compare: {name} has no evaluation of its {split} split; run "
                f"`lm-zoo evaluate --workdir={shlex.quote(name)} --split={split}` first."
            )
    return read_kept_json("compare", path, dict, "evaluate the run anew")


def _read_scores(name, split, ledger):
    """Returns the `Scores` beside a run's ledger, or None."""
    from lm_zoo.evaluation.scores import Scores, is_scores
    from lm_zoo.run_folder import RunFolder

    if expanded(name).is_file():
        return None
    for path in sorted(RunFolder(name).results.glob(f"*-{split}.json")):
        values = read_kept_json("compare", path, dict, "evaluate the run anew")
        # Those by another checkpoint than the ledger's are not compared.
        if is_scores(values) and values.get("step") == ledger.step:
            return Scores.from_dict(values)
    return None
