"""Tests that register something in this process leave nothing behind."""

import os
import pathlib
import sys

import pytest

from lm_zoo import registration

ROOT = pathlib.Path(__file__).resolve().parents[2]


def environment():
    """The environment of a process that finds this lm_zoo from any folder."""
    return os.environ | {"PYTHONPATH": str(ROOT)}


@pytest.fixture
def nothing_registered():
    """Takes back what a test registers, and the folders that can be imported from for it."""
    path, modules = list(sys.path), set(sys.modules)
    yield
    forget()
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if not name.startswith(("lm_zoo.", "tests.")) and is_of_a_test(sys.modules[name], path):
            del sys.modules[name]


def forget():
    """Takes back all that is registered."""
    for kind in registration.REGISTRIES:
        known = registration.registry(kind)
        for name in list(known.outside):
            del known.outside[name], known.data[name]
    registration._files.clear()
    registration._of_runs.clear()


def is_of_a_test(module, path):
    """Whether a module is found by none of the folders that there were before."""
    file = getattr(module, "__file__", None) or ""
    return bool(file) and not any(file.startswith(folder) for folder in path if folder)
