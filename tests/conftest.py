"""Fixtures that every test may use."""

import gc
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# XLA's programs are run once or twice here: most of their time goes into making them.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")

import pytest

DEFAULT_DATA = pathlib.Path(__file__).resolve().parents[2] / "shared" / "data"

# The files that take longest (`tools/slowest_tests.py` lists them). They are begun first, so that
# no process is left alone with one at the end.
LONGEST_FILES = (
    "conformance/test_export.py",
    "conformance/test_replica_invariance.py",
    "test_readme.py",
    "outside/test_outside.py",
    "conformance/test_tasks.py",
    "models/test_encoder_decoder.py",
    "training/test_resume.py",
    "distribution/test_faults.py",
    "conformance/test_promises.py",
    "generation/test_beam_search.py",
    "training/test_train_step.py",
    "conformance/test_learning.py",
    "generation/test_translation_search.py",
    "models/test_language_models.py",
    "conformance/test_documents.py",
    "export/test_saved_model.py",
    "serving/test_serve_command.py",
    "tasks/translation/test_exported.py",
    "cli/test_predict_command.py",
    "distribution/test_dealt_evaluation.py",
    "test_pair_run.py",
    "test_damaged_folders.py",
)


def pytest_collection_modifyitems(items):
    """Puts the longest files first; pytest-xdist hands out files in this order."""
    folder = pathlib.Path(__file__).parent
    ranks = {folder / name: rank for rank, name in enumerate(LONGEST_FILES)}
    items.sort(key=lambda item: ranks.get(item.path, len(ranks)))


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
