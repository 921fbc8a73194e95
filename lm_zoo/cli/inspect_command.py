"""Shows the data as the model sees it, and writes a page with plots of it.

    lm-zoo inspect --config=wikitext2_lstm_200
    lm-zoo inspect --workdir=runs/quickstart_lstm --split=validation --documents=10
    lm-zoo inspect --config=mine.py --output=report.html --json

Prints documents and a batch token by token (ids, targets, weights, where documents begin), how
often tokens occur, how long texts are, how much of the vocabulary is used, what is unknown, and
what is there twice. Of sentence pairs it shows both sides, and how long each is for the other. The
text is prepared first, as by `lm-zoo prepare`.
"""

import json
import pathlib
import shutil

from absl import flags

from lm_zoo.cli.flags import define_config_flag, define_data_dir_flag, with_data_dir
from lm_zoo.cli.path_flags import define_path
from lm_zoo.cli.register_flag import define_register_flag


def define_flags(flag_values):
    define_config_flag(flag_values)
    define_data_dir_flag(flag_values)
    define_path("workdir", None, "Folder of a run, in place of --config.", flag_values=flag_values)
    define_register_flag(flag_values)
    flags.DEFINE_string("split", "train", "train, validation or test.", flag_values=flag_values)
    flags.DEFINE_integer(
        "documents",
        3,
        "Documents shown, or excerpts of a text without.",
        lower_bound=0,
        flag_values=flag_values,
    )
    flags.DEFINE_integer(
        "batches",
        None,
        "Batches shown; default: 1 of the training split, none of the others.",
        lower_bound=0,
        upper_bound=100,
        flag_values=flag_values,
    )
    define_path(
        "output",
        None,
        "HTML file to write, or a folder for it; default: the workdir's results, or this folder.",
        flag_values=flag_values,
    )
    flags.DEFINE_bool("json", False, "Print JSON instead of text.", flag_values=flag_values)


def run(flag_values, arguments):
    from lm_zoo import config_checks
    from lm_zoo.cli.results import show_and_keep
    from lm_zoo.data.corpora.corpus import SPLITS
    from lm_zoo.errors import UserError, unknown_name
    from lm_zoo.files import cannot_write, write_atomically
    from lm_zoo.inspection import page, pair_page, pair_terminal, terminal
    from lm_zoo.run_folder import RunFolder

    if arguments:
        raise UserError(f"inspect: unexpected argument {arguments[0]!r}.")
    if (flag_values.config is None) == (flag_values.workdir is None):
        raise UserError("inspect: expected either --config or --workdir.")
    if flag_values.split not in SPLITS:
        raise unknown_name("split", flag_values.split, SPLITS)
    folder = RunFolder(flag_values.workdir).require() if flag_values.workdir else None
    config = folder.config() if folder else flag_values.config
    config = config_checks.resolve(with_data_dir(config, flag_values.data_dir))
    path = _page_path(flag_values.output, folder, f"inspection-{flag_values.split}.html")
    if config.task.name == "translation":
        report = _inspect_pairs(config, folder, flag_values)
        as_page, as_text = pair_page.pairs_as_page, pair_terminal.pairs_as_text
    else:
        report = _inspect_texts(config, folder, flag_values)
        as_page, as_text = page.as_page, terminal.as_text
    if flag_values.json:
        shown = json.dumps(report, indent=2, ensure_ascii=False)
    else:
        shown = as_text(report, min(shutil.get_terminal_size((100, 24)).columns, 160)) + "\n"

    def keep():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(path, error) from None
        write_atomically(path, as_page(report))
        return [path]

    show_and_keep(shown, "the page", keep, says_where=not flag_values.json)


def _inspect_texts(config, folder, flag_values):
    from lm_zoo.inspection.report import inspect

    corpus, preprocessors, examples = _prepared(config, folder, flag_values)
    split, num_batches = _checked_split(corpus, examples, flag_values)
    batches = _batches(config, preprocessors, split) if num_batches else None
    tokenizer, tokens = preprocessors["text"], examples.fields["text"]
    documents = flag_values.documents
    return inspect(corpus, tokenizer, tokens, batches, split.name, documents, num_batches)


def _batches(config, preprocessors, split):
    """Returns the batches of a split; how long rows may be is the model's to say."""
    from lm_zoo.experiment import build_task_model
    from lm_zoo.tasks import task_class

    task = task_class(config.task.name)(config, preprocessors)
    return task.batches(split, build_task_model(task))


def _prepared(config, folder, flag_values):
    """Returns the cleaned corpus, the preprocessors (the run's own, if any) and the examples."""
    from lm_zoo.cli.preparation_progress import PreparationProgress
    from lm_zoo.data.examples import prepared_examples, prepared_preprocessors
    from lm_zoo.data.preparation import prepared_corpus
    from lm_zoo.tasks import fields_of

    fields = fields_of(config)
    with PreparationProgress() as progress:
        corpus = prepared_corpus(config, fields, progress)
        if folder:
            preprocessors = folder.preprocessors(fields)
        else:
            preprocessors = prepared_preprocessors(config, corpus, fields, progress)
        examples = prepared_examples(config, corpus, preprocessors, progress)
    if folder:
        folder.check_examples(examples, (flag_values.split,))
    return corpus, preprocessors, examples


def _inspect_pairs(config, folder, flag_values):
    from lm_zoo.inspection.pair_report import inspect_pairs

    corpus, preprocessors, examples = _prepared(config, folder, flag_values)
    split, num_batches = _checked_split(corpus, examples, flag_values)
    batches = _batches(config, preprocessors, split) if num_batches else None
    return inspect_pairs(corpus, preprocessors, split, batches, flag_values.documents, num_batches)


def _checked_split(corpus, examples, flag_values):
    """Returns the `ExampleSplit`, which must not be empty, and how many batches of it are shown."""
    from lm_zoo.errors import UserError

    split = examples.split(flag_values.split)
    if not any(tokens.num_bytes for tokens in split.fields.values()):
        raise UserError(f"split: the {split.name} split of {corpus.name} is empty.")
    if flag_values.batches is not None:
        return split, flag_values.batches
    return split, 1 if split.name == "train" else 0


def _page_path(output, folder, name):
    """Returns where the page goes."""
    if output is None:
        return (folder.results if folder else pathlib.Path()) / name
    path = pathlib.Path(output)
    return path if path.suffix.lower() in (".html", ".htm") else path / name
