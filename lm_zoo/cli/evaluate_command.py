"""Measures a run's perplexity, and a translation model's BLEU, chrF and TER.

    lm-zoo evaluate --workdir=runs/quickstart_lstm --split=test
    lm-zoo evaluate --workdir=runs/quickstart_transformer --sequence_length=128 --stride=32 --json
    lm-zoo evaluate --workdir=runs/quickstart_transformer --strategy=mirrored
    lm-zoo launch --workers=2 -- evaluate --workdir=runs/quickstart_transformer

    lm-zoo evaluate --workdir=runs/de_en --num_beams=5
    lm-zoo evaluate --workdir=runs/de_en --sources=news.de --references=news.en
    lm-zoo evaluate --workdir=runs/de_en --translations=others.en --split=test

The ledger is printed as a table (or JSON) and kept in the workdir as results/evaluation-SPLIT.json.
Several devices or processes share the rows (--batch_size) and find the same figures. Of a model
that reads a source it is the perplexity of the targets given their sources; its translations of
them, with their scores by sacrebleu, are kept as results/translation-SPLIT.txt and .json.
"""

import json

from absl import flags

from lm_zoo.cli.distribution_flags import define_device_flags
from lm_zoo.cli.flags import define_checkpoint_flag
from lm_zoo.cli.pair_flags import define_pair_flags, refuse_pair_flags
from lm_zoo.cli.path_flags import define_path


def define_flags(flag_values):
    define_path("workdir", None, "Folder of the run.", required=True, flag_values=flag_values)
    flags.DEFINE_string("split", "test", "train, validation or test.", flag_values=flag_values)
    define_checkpoint_flag(flag_values)
    flags.DEFINE_enum(
        "context",
        "auto",
        ["auto", "carried", "windows"],
        "Where a token's context comes from: state carried through the whole text, or windows.",
        flag_values=flag_values,
    )
    flags.DEFINE_integer(
        "batch_size",
        None,
        "Streams, windows or pairs at once.",
        lower_bound=1,
        flag_values=flag_values,
    )
    flags.DEFINE_integer(
        "sequence_length",
        None,
        "Tokens per call: the window.",
        lower_bound=1,
        flag_values=flag_values,
    )
    flags.DEFINE_integer(
        "stride",
        None,
        "New tokens that each window scores.",
        lower_bound=1,
        flag_values=flag_values,
    )
    define_pair_flags(flag_values)
    define_device_flags(flag_values)
    flags.DEFINE_bool("json", False, "Print JSON instead of the table.", flag_values=flag_values)


def run(flag_values, arguments):
    from lm_zoo.cli import pair_evaluation
    from lm_zoo.cli.distribution_flags import distribution_of_flags
    from lm_zoo.cli.results import show_and_keep
    from lm_zoo.evaluation.ledger_table import render_table
    from lm_zoo.run import load
    from lm_zoo.run_folder import RunFolder

    folder = RunFolder(flag_values.workdir).require()
    config = folder.config()
    if config.data.layout == "pairs":
        pair_evaluation.run(flag_values, folder, config)
        return
    refuse_pair_flags(flag_values, config.model.name)
    same = ("split", "checkpoint", "context", "batch_size", "sequence_length", "stride")
    distribution = distribution_of_flags(flag_values, same)
    loaded = load(flag_values.workdir, flag_values.checkpoint, distribution)
    ledger = loaded.evaluate(
        flag_values.split,
        flag_values.batch_size,
        flag_values.sequence_length,
        flag_values.stride,
        flag_values.context,
    )
    if not distribution.is_chief:
        return
    values = ledger.to_dict()
    as_json = json.dumps(values, indent=2, ensure_ascii=False)
    show_and_keep(
        as_json if flag_values.json else render_table(ledger),
        "the ledger",
        lambda: [loaded.folder.write_result(f"evaluation-{flag_values.split}", values)],
        says_where=not flag_values.json,
    )
