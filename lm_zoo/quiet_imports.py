"""Imports without what libraries print while they load."""

import contextlib
import importlib
import os
import sys
import tempfile

from lm_zoo.registration import registry

# Keras imports these where they are installed, for wrappers that no command uses: a second.
_NOT_FOR_KERAS = ("sklearn", "matplotlib.pyplot")


def import_for_registered():
    """Imports TensorFlow where a model or a task is registered from outside, which will import it."""
    if registry("model").outside or registry("task").outside:
        import_quietly("tensorflow")


def import_quietly(name):
    """Imports a module without what its C++ libraries print while loading, unless it fails.

    TensorFlow prints notes about CPU features and missing GPU drivers before it reads
    TF_CPP_MIN_LOG_LEVEL.
    """
    if name not in sys.modules:
        with library_notes_caught(), _as_not_installed(_NOT_FOR_KERAS):
            importlib.import_module(name)


@contextlib.contextmanager
def library_notes_caught():
    """Catches what C++ libraries print to standard error's descriptor; shown where a block fails."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as said:
        kept = os.dup(2)
        try:
            os.dup2(said.fileno(), 2)
            try:
                yield
            finally:
                os.dup2(kept, 2)
        except BaseException:
            said.seek(0)
            os.write(2, said.read())
            raise
        finally:
            os.close(kept)


@contextlib.contextmanager
def _as_not_installed(names):
    """Lets imports of modules that are not loaded yet fail, as if they were not installed."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
