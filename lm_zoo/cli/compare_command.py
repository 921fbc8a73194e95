"""Sets the evaluations of several runs side by side, best first; refuses unlike figures.

    lm-zoo compare runs/quickstart_lstm runs/quickstart_transformer
    lm-zoo compare --split=validation --json runs/*
    lm-zoo compare --plot=curves.html runs/quickstart_lstm runs/quickstart_transformer

Arguments are run folders that `lm-zoo evaluate` has been used on, or ledger files that it wrote; what
is no run is left out, and named.
Runs of pairs are compared by BLEU where all have been translated, and by perplexity else; of other
tasks by the first figure of which more is better, such as accuracy.
"""

import dataclasses
import json
import logging

from lm_zoo.checked_fields import field
from lm_zoo.cli.loading import load_tensorflow
from lm_zoo.errors import UserError
from lm_zoo.files import expanded

ARGUMENTS = "RUN..."


@dataclasses.dataclass
class CompareFlags:
    split: str = field("test", help="Which split's evaluations to compare.")
    json: bool = field(False, help="Print JSON instead of the table.")
    plot: str = field(
        "", is_path=True, help="Draw the validation curves of the runs too, as an HTML file."
    )


FLAGS = (CompareFlags,)


def run(flag_values, arguments):
    from lm_zoo.run_comparison import compare
    from lm_zoo.run_curves import plot_curves

    left_out = list(filter(_is_no_run, arguments))
    arguments = [name for name in arguments if name not in left_out]
    others = f", and what is no run: {', '.join(left_out)}" if left_out else ""
    if len(arguments) < 2:
        raise UserError(f"compare: expected two or more runs, received {len(arguments)}{others}.")
    if left_out:
        logging.warning("compare: left out, since it is no run: %s", ", ".join(left_out))
    comparison = compare(arguments, flag_values.split)
    if flag_values.plot:
        load_tensorflow()  # TensorBoard's reader of its files does, with notes
        plot_curves(arguments, flag_values.plot)
    if flag_values.json:
        comparison = json.dumps(comparison.to_dict(), indent=2, ensure_ascii=False)
    print(comparison)


def _is_no_run(name):
    """Whether a pattern (`runs/*`) has named something that is there, and no run."""
    from lm_zoo.run_folder import RunFolder

    path = expanded(name)
    is_one = path.suffix == ".json" if path.is_file() else RunFolder(name).begun()
    return path.exists() and not is_one
