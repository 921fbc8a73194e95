"""Imports without what libraries print while they load."""

import importlib
import os
import sys
import tempfile

from lm_zoo.registration import registry


def import_for_registered():
    """Imports TensorFlow where a model or a task is registered from outside, which will import it."""
    if registry("model").outside or registry("task").outside:
        import_quietly("tensorflow")


def import_quietly(name):
    """Imports a module without what its C++ libraries print while loading, unless it fails.

    TensorFlow prints notes about CPU features and missing GPU drivers before it reads
    TF_CPP_MIN_LOG_LEVEL, so they can only be caught at the file descriptor.
    """
    if name in sys.modules:
        return
    sys.stderr.flush()
    with tempfile.TemporaryFile() as said:
        kept = os.dup(2)
        try:
            os.dup2(said.fileno(), 2)
            try:
                importlib.import_module(name)
            finally:
                os.dup2(kept, 2)
        except BaseException:
            said.seek(0)
            os.write(2, said.read())
            raise
        finally:
            os.close(kept)
