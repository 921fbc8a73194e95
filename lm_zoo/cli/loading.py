"""TensorFlow and runs, loaded when mistakes have been looked for: it takes seconds."""

import contextlib
import os
import sys

from lm_zoo.errors import unknown_name
from lm_zoo.progress import Bar
from lm_zoo.quiet_imports import import_quietly


def check_checkpoint(flag_values):
    """Raises a `UserError` unless the run of `RunFlags` has the checkpoint that is asked for."""
    from lm_zoo.checkpoints.choice import check_choice
    from lm_zoo.run_folder import RunFolder

    check_choice(RunFolder(flag_values.workdir).checkpoints, flag_values.checkpoint)


def check_split(split):
    """Raises a `UserError` unless a `--split` is the name of one."""
    from lm_zoo.data.corpora.corpus import SPLITS

    if split not in SPLITS:
        raise unknown_name("--split", split, SPLITS)


def check_own_files(config):
    """Raises a `UserError` if the files of one's own that a config's text is read from are missing."""
    from lm_zoo.data.corpora import corpus_class, load_corpus
    from lm_zoo.data.corpora.own_files import OwnFiles

    if issubclass(corpus_class(config.corpus.name), OwnFiles):
        load_corpus(config.corpus, config.data.cache_dir)


def load_tensorflow():
    """Imports TensorFlow. A command calls it when it has found no mistake without."""
    if "tensorflow" in sys.modules:
        return
    with contextlib.ExitStack() as stack:
        if sys.stderr.isatty():
            # While it loads, what its libraries write to standard error is caught there.
            stream = stack.enter_context(os.fdopen(os.dup(sys.stderr.fileno()), "w"))
            stack.enter_context(Bar("Loading TensorFlow", stream=stream))
        import_quietly("tensorflow")
