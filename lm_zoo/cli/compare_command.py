"""Sets the evaluations of several runs side by side, best first; refuses unlike figures.

    lm-zoo compare runs/quickstart_lstm runs/quickstart_transformer
    lm-zoo compare --split=validation --json runs/*

Arguments are run folders that `lm-zoo evaluate` has been used on, or ledger files that it wrote.
Runs of pairs are compared by BLEU where all have been translated, and by perplexity else.
"""

import json
import shlex

from absl import flags

ARGUMENTS = "RUN..."
USES_TENSORFLOW = False


def define_flags(flag_values):
    flags.DEFINE_string(
        "split", "test", "Which split's evaluations to compare.", flag_values=flag_values
    )
    flags.DEFINE_bool("json", False, "Print JSON instead of the table.", flag_values=flag_values)


def run(flag_values, arguments):
    from lm_zoo.errors import UserError
    from lm_zoo.evaluation.compare import compare, render_comparison

    if len(arguments) < 2:
        raise UserError(f"compare: expected two or more runs, received {len(arguments)}.")
    ledgers = {name: _read_ledger(name, flag_values.split) for name in arguments}
    translations = {
        name: _read_scores(name, flag_values.split, ledger) for name, ledger in ledgers.items()
    }
    comparison = compare(ledgers, translations=translations)
    if flag_values.json:
        print(json.dumps(comparison.to_dict(), indent=2, ensure_ascii=False))
    else:
        print(render_comparison(comparison))


def _read_ledger(name, split):
    from lm_zoo.errors import UserError
    from lm_zoo.evaluation.ledger import Ledger
    from lm_zoo.files import expanded
    from lm_zoo.run_folder import RunFolder

    path = expanded(name)
    if not path.is_file():
        path = RunFolder(name).require().results / f"evaluation-{split}.json"
        if not path.is_file():
            raise UserError(
                f"compare: {name} has no evaluation of its {split} split; run "
                f"`lm-zoo evaluate --workdir={shlex.quote(name)} --split={split}` first."
            )
    return Ledger.from_dict(_read_json(path))


def _read_scores(name, split, ledger):
    """Returns the `Scores` beside a run's ledger, or None."""
    from lm_zoo.evaluation.scores import Scores, is_scores
    from lm_zoo.files import expanded
    from lm_zoo.run_folder import RunFolder

    if expanded(name).is_file():
        return None
    for path in sorted(RunFolder(name).results.glob(f"*-{split}.json")):
        values = _read_json(path)
        # Those by another checkpoint than the ledger's are not compared.
        if is_scores(values) and values.get("step") == ledger.step:
            return Scores.from_dict(values)
    return None


def _read_json(path):
    from lm_zoo.errors import UserError
    from lm_zoo.files import reason
    from lm_zoo.json_files import NotJson, read_json

    try:
        return read_json(path)
    except NotJson as error:
        raise UserError(f"compare: {path} is damaged ({error}); evaluate the run anew.") from None
    except OSError as error:
        raise UserError(f"compare: {path} cannot be read: {reason(error)}.") from None
