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

from lm_zoo.checked_fields import field
from lm_zoo.cli.flags import CorpusFlags, with_data_dir
from lm_zoo.cli.loading import check_own_files, check_split, load_tensorflow
from lm_zoo.cli.results import show_and_keep
from lm_zoo.errors import UserError
from lm_zoo.progress import current_stages


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
    from lm_zoo.corpus_tools import inspect
    from lm_zoo.run_folder import RunFolder

    if (flag_values.config is None) == (flag_values.workdir is None):
        raise UserError("inspect: expected either --config or --workdir.")
    check_split(flag_values.split)
    folder = RunFolder(flag_values.workdir).require() if flag_values.workdir else None
    config = folder.config() if folder else flag_values.config
    check_own_files(with_data_dir(config, flag_values.data_dir))
    load_tensorflow()
    changes = {} if flag_values.data_dir is None else {"corpus.data_dir": flag_values.data_dir}
    with current_stages() as listener:
        report = inspect(
            flag_values.workdir or flag_values.config,
            flag_values.split,
            flag_values.examples,
            flag_values.batches,
            listener,
            **changes,
        )
    path = _page_path(flag_values.output, folder, f"inspection-{flag_values.split}.html")
    is_json = flag_values.json
    shown = json.dumps(report.to_dict(), indent=2, ensure_ascii=False) if is_json else report

    def keep():
        report.save_page(path)
        return [path]

    show_and_keep(shown, "the page", keep, says_where=not is_json)


def _page_path(output, folder, name):
    if output is None:
        return (folder.results if folder else pathlib.Path()) / name
    path = pathlib.Path(output)
    return path if path.suffix.lower() in (".html", ".htm") else path / name
