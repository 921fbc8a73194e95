"""What `lm-zoo evaluate` does for a run of a model that reads a source."""

import json
import pathlib
import re

from lm_zoo.cli.pair_flags import METRIC_FLAGS, PAIR_FLAGS, SEARCH_FLAGS
from lm_zoo.errors import UserError


def run(flag_values, folder, config):
    """Evaluates a run of pairs, or the translations that are there already.

    Args:
        flag_values: The command's flags.
        folder: The `RunFolder`.
        config: The run's `ExperimentConfig`.
    """
    from lm_zoo.cli.distribution_flags import distribution_of_flags
    from lm_zoo.evaluation.translation_metrics import check_metrics
    from lm_zoo.run import load

    # What can be found to be wrong is found before the model is loaded.
    settings = {name: getattr(flag_values, name) for name in METRIC_FLAGS}
    check_metrics(**settings)
    _check_flags(flag_values)
    if flag_values.translations is not None:
        _measure_ready(flag_values, folder, settings)
        return
    search = _search_options(flag_values, config)
    name, texts = flag_values.split, None
    if flag_values.sources is not None:
        name = pathlib.Path(flag_values.references[0]).name
        texts = _given_texts(flag_values, "sources")
    elif settings["metrics"]:
        texts = _texts_of_split(folder, name)
    same = ("split", "checkpoint", "batch_size", *PAIR_FLAGS)
    distribution = distribution_of_flags(flag_values, same)
    loaded = load(flag_values.workdir, flag_values.checkpoint, distribution)
    evaluation = None
    if settings["metrics"]:
        count = flag_values.max_pairs or len(texts[0])
        sources, *references = (lines[:count] for lines in texts)
        evaluation = loaded.evaluate_translations(sources, references, **settings, **search)
    if flag_values.sources is not None:
        ledger = loaded.evaluate_pairs(*texts[:2], name, flag_values.batch_size)
        ledger.corpus = "files"
    else:
        ledger = loaded.evaluate(name, flag_values.batch_size)
    if distribution.is_chief:
        _write(flag_values, folder, name, ledger, evaluation)


def _check_flags(flag_values):
    for name in ("context", "sequence_length", "stride"):
        if flag_values[name].present:
            raise UserError(
                f"--{name}: it is for language models; a model that reads a source is always given "
                "the whole of it. Leave it out."
            )
    has_sources, has_references = flag_values.sources is not None, bool(flag_values.references)
    if flag_values.translations is not None and has_sources:
        raise UserError(
            "--sources: translations that are there already are measured by --references alone; "
            "leave --sources or --translations out."
        )
    if flag_values.translations is None and has_sources != has_references:
        raise UserError("--sources and --references: each needs the other; give both.")


def _search_options(flag_values, config):
    """Returns fields of `TranslationOptions`, checked."""
    from lm_zoo.generation.translation_options import TranslationOptions

    options = {name: getattr(flag_values, name) for name in SEARCH_FLAGS}
    options["too_long"] = flag_values.too_long or (
        "truncate" if config.task.too_long == "truncate" else "error"
    )
    TranslationOptions(**options).validate()
    return options


def _given_texts(flag_values, what):
    """Returns the lines of `--sources` or `--translations`, and of each of `--references`."""
    from lm_zoo.cli.text_lines import read_aligned

    named = [(f"--{what}", getattr(flag_values, what))]
    named += [("--references", path) for path in flag_values.references]
    return read_aligned(named)


def _texts_of_split(folder, split):
    """Returns a split's sources and targets, two lists."""
    from lm_zoo.tasks import task_fields
    from lm_zoo.data.held_out import HELD_OUT

    if split not in HELD_OUT:
        raise UserError(
            f"--split: expected {' or '.join(HELD_OUT)}, whose texts the run keeps, received "
            f"{split!r}; `--metrics=` measures the perplexity of the training pairs alone."
        )
    records = folder.held_out_texts(task_fields(folder.config()), split)
    return [source for source, _ in records], [target for _, target in records]


def _measure_ready(flag_values, folder, settings):
    """Measures `--translations` and prints the scores."""
    from lm_zoo.evaluation.translation_metrics import translation_scores
    from lm_zoo.evaluation.translation_scores import render_scores

    if flag_values.references:
        translations, *references = _given_texts(flag_values, "translations")
    else:
        (translations,) = _given_texts(flag_values, "translations")
        references = _texts_of_split(folder, flag_values.split)[1]
        if len(translations) != len(references):
            raise UserError(
                f"--translations: {flag_values.translations!r} has {len(translations):,} lines, "
                f"and the {flag_values.split} split has {len(references):,} pairs; give as many."
            )
    scores = translation_scores(translations, references, **settings)
    if flag_values.json:
        print(json.dumps(scores.to_dict(), indent=2, ensure_ascii=False))
    else:
        print(render_scores(scores))


def _write(flag_values, folder, name, ledger, evaluation):
    """Prints ledger and translations, and writes them to the run's results."""
    from lm_zoo.cli.results import show_and_keep
    from lm_zoo.evaluation.ledger_table import render_table
    from lm_zoo.evaluation.translation_evaluation import render_evaluation
    from lm_zoo.files import write_atomically

    values, tables, found = ledger.to_dict(), [render_table(ledger)], {}
    if evaluation:
        found = {"model": ledger.model, "step": ledger.step, **evaluation.to_dict()}
        tables.append(render_evaluation(evaluation))

    def keep():
        written = [folder.write_result(f"evaluation-{name}", values)]
        if found:
            path = folder.write_result(f"translation-{name}", found)
            lines = path.with_name(f"translation-{name}.txt")
            texts = (re.sub("\r\n|\r|\n", " ", text) + "\n" for text in evaluation.translations)
            write_atomically(lines, "".join(texts))
            written += [path, lines]
        return written

    shown = "\n\n".join(tables)
    if flag_values.json:
        everything = values | ({"translation": found} if found else {})
        shown = json.dumps(everything, indent=2, ensure_ascii=False)
    what = "the ledger and the translations" if found else "the ledger"
    show_and_keep(shown, what, keep, says_where=not flag_values.json)
