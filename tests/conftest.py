"""Fixtures that every test may use."""

import gc
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# XLA's programs are run once or twice here: most of their time goes into making them.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")

import pytest

DEFAULT_DATA = pathlib.Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="module", autouse=True)
def little_for_the_garbage_collector():
    """Keeps Python from looking again and again at what imports and earlier files left behind.

    TensorFlow's modules and graphs are millions of objects, and each full collection visits all.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def shared_data():
    """Returns a function that finds a folder of real text, or skips the test without one."""
    root = pathlib.Path(os.environ.get("LM_ZOO_TEST_DATA") or DEFAULT_DATA)

    def find(name):
        if not (root / name).exists():
            pytest.skip(f"real text {name!r} is not here; set LM_ZOO_TEST_DATA to its folder")
        return root / name

    return find


@pytest.fixture(scope="session")
def translation_run(tmp_path_factory):
    """The `TranslationRun`."""
    from tests.translation_run import make_translation_run

    return make_translation_run(tmp_path_factory)
