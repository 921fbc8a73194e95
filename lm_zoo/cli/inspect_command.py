"""Shows the data as the model sees it, and writes a page with plots of it.

    lm-zoo inspect --config=wikitext2_lstm_200
    lm-zoo inspect --workdir=runs/quickstart_lstm --split=validation --examples=10
    lm-zoo inspect --config=mine.py --output=report.html --json

Prints examples and a batch token by token (ids, targets, weights, where documents begin), and of
each field of the records how often tokens or classes occur, how long texts are, how much of the
vocabulary is used, what is unknown, and what is there twice. A task may add more. The text is
prepared first, as by `lm-zoo prepare`.
"""

import dataclasses
import json
import pathlib
import shutil

from lm_zoo.checked_fields import field
from lm_zoo.cli.flags import CorpusFlags, with_data_dir
from lm_zoo.cli.results import show_and_keep
from lm_zoo.config import config_checks
from lm_zoo.errors import UserError, unknown_name
from lm_zoo.files import make_folder_for, write_atomically


@dataclasses.dataclass
class InspectFlags:
    workdir: str | None = field(None, is_path=True, help="Folder of a run, in place of --config.")
    split: str = field("train", help="train, validation or test.")
    examples: int = field(
        3, at_least=0, help="Examples shown, or excerpts of a text that is one stream."
    )
    batches: int | None = field(
        None,
        at_least=0,
        at_most=100,
        help="Batches shown; default: 1 of the training split, none of the others.",
    )
    output: str | None = field(
        None,
        is_path=True,
        help="HTML file to write, or a folder for it; default: the workdir's results, or this "
        "folder.",
    )
    json: bool = field(False, help="Print JSON instead of text.")


FLAGS = (CorpusFlags, InspectFlags)


def run(flag_values, arguments):
    from lm_zoo.data.corpora.corpus import SPLITS
    from lm_zoo.inspection.page import as_page
    from lm_zoo.inspection.terminal import as_text
    from lm_zoo.run_folder import RunFolder

    if (flag_values.config is None) == (flag_values.workdir is None):
        raise UserError("inspect: expected either --config or --workdir.")
    if flag_values.split not in SPLITS:
        raise unknown_name("split", flag_values.split, SPLITS)
    folder = RunFolder(flag_values.workdir).require() if flag_values.workdir else None
    config = folder.config() if folder else flag_values.config
    config = config_checks.resolve(with_data_dir(config, flag_values.data_dir))
    path = _page_path(flag_values.output, folder, f"inspection-{flag_values.split}.html")
    report = _inspect(config, folder, flag_values)
    if flag_values.json:
        shown = json.dumps(report, indent=2, ensure_ascii=False)
    else:
        shown = as_text(report, min(shutil.get_terminal_size((100, 24)).columns, 160)) + "\n"

    def keep():
        make_folder_for(path)
        write_atomically(path, as_page(report))
        return [path]

    show_and_keep(shown, "the page", keep, says_where=not flag_values.json)


def _inspect(config, folder, flag_values):
    from lm_zoo.cli.preparation_progress import PreparationProgress
    from lm_zoo.data.examples import prepared_examples
    from lm_zoo.experiment import build_task_model, prepared_task
    from lm_zoo.inspection.report import inspect

    with PreparationProgress() as progress:
        corpus, task = prepared_task(config, folder, progress)
        examples = prepared_examples(config, corpus, task.preprocessors, progress)
    if folder:
        folder.check_examples(examples, (flag_values.split,))
    split, num_batches = _checked_split(corpus, examples, flag_values)
    # How long rows may be is the model's to say.
    batches = task.batches(split, build_task_model(task)) if num_batches else None
    num_examples = flag_values.examples
    return inspect(task, corpus, examples, batches, split.name, num_examples, num_batches)


def _checked_split(corpus, examples, flag_values):
    """Returns the `ExampleSplit`, which must not be empty, and how many batches of it are shown."""
    split = examples.split(flag_values.split)
    if not any(tokens.num_bytes for tokens in split.fields.values()):
        raise UserError(f"split: the {split.name} split of {corpus.name} is empty.")
    if flag_values.batches is not None:
        return split, flag_values.batches
    return split, 1 if split.name == "train" else 0


def _page_path(output, folder, name):
    if output is None:
        return (folder.results if folder else pathlib.Path()) / name
    path = pathlib.Path(output)
    return path if path.suffix.lower() in (".html", ".htm") else path / name
