"""Preparing and inspecting the text of a config: `lm_zoo.prepare`, `lm_zoo.inspect`."""

import os
import time
from typing import TYPE_CHECKING, Any

from lm_zoo.config.config_files import given_config
from lm_zoo.data.corpora.corpus import SPLITS
from lm_zoo.data.examples import prepared_examples, prepared_preprocessors
from lm_zoo.data.preparation import ProgressListener, prepared_corpus
from lm_zoo.data.prepared_text import PreparedText
from lm_zoo.errors import UserError, unknown_name
from lm_zoo.progress import stage
from lm_zoo.run_folder import RunFolder
from lm_zoo.tasks import fields_of
from lm_zoo.types import Path

if TYPE_CHECKING:
    from lm_zoo.config import ExperimentConfig
    from lm_zoo.inspection.inspection import Inspection
    from lm_zoo.run import Run


def prepare(
    config: "ExperimentConfig | Path", listener: "ProgressListener | None" = None, **changes: Any
) -> "PreparedText":
    """Fetches, cleans and tokenizes a config's text into the cache, where training finds it.

        print(lm_zoo.prepare("quickstart_lstm", tokenizer={"vocab_size": 2000}))

    Args:
        config: An `ExperimentConfig`; or the name of a shipped config, or the path of a Python file
            with a `get_config()` or of a run's config.json.
        listener: A `lm_zoo.data.preparation.ProgressListener` that is told how it goes, or None.
        **changes: Config fields with other values; for a section, a dict of its fields.

    Returns:
        A `PreparedText`.

    Raises:
        UserError: For a mistake in the config, or text that cannot be used.
    """
    config, listener = given_config(config, changes), listener or ProgressListener()
    started, fields = time.monotonic(), fields_of(config)
    corpus = prepared_corpus(config, fields, listener)
    preprocessors = prepared_preprocessors(config, corpus, fields, listener)
    examples = prepared_examples(config, corpus, preprocessors, listener)
    seconds = time.monotonic() - started if listener.worked else 0.0
    return PreparedText(corpus, preprocessors, examples, seconds)


def inspect(
    source: "ExperimentConfig | Run | Path",
    split: str = "train",
    num_examples: int = 3,
    num_batches: int | None = None,
    listener: "ProgressListener | None" = None,
    **changes: Any,
) -> "Inspection":
    """Looks at a split as the model sees it: examples, batches, and what is known of each field.

        report = lm_zoo.inspect("quickstart_lstm")
        print(report)
        report.save_page("report.html")

    Args:
        source: A config, as `prepare` takes it; or a `Run` or a run's folder, whose tokenizers are
            then used.
        split: `train`, `validation` or `test`.
        num_examples: Examples shown, or excerpts of a text that is one stream.
        num_batches: Batches shown; None means 1 of the training split, none of the others.
        listener: A `ProgressListener`, or None.
        **changes: Config fields with other values; for a section, a dict of its fields.

    Returns:
        An `Inspection`.

    Raises:
        UserError: For a mistake in the config, text that cannot be used, or an empty split.
    """
    # What needs TensorFlow, which preparing does not.
    from lm_zoo.experiment import build_task_model, prepared_task
    from lm_zoo.inspection import report
    from lm_zoo.inspection.inspection import Inspection

    if split not in SPLITS:
        raise unknown_name("split", split, SPLITS)
    folder = _run_folder(source)
    config = given_config(folder.config() if folder else source, changes)
    corpus, task = prepared_task(config, folder, listener)
    examples = prepared_examples(config, corpus, task.preprocessors, listener)
    if folder:
        folder.check_examples(examples, (split,))
    found = examples.split(split)
    if not any(tokens.num_bytes for tokens in found.fields.values()):
        raise UserError(f"split: the {split} split of {corpus.name} is empty.")
    if num_batches is None:
        num_batches = int(split == "train")
    # How long rows may be is the model's to say.
    batches = task.batches(found, build_task_model(task)) if num_batches else None
    looked_at = corpus, examples, batches, split, num_examples, num_batches
    with stage("Counting"):
        return Inspection(report.inspect(task, *looked_at))


def _run_folder(source):
    """Returns the `RunFolder` of a `Run` or of a run's folder, or None for a config."""
    folder = getattr(source, "folder", None)
    if folder is None and isinstance(source, (str, os.PathLike)) and os.path.isdir(source):
        folder = RunFolder(source).require()
    return folder
