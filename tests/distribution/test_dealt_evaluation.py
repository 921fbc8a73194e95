"""Evaluation and generation on several replicas find what one device finds."""

import functools
import json
import pathlib
import subprocess
import sys

import pytest

from tests.conformance.models import TINY, TINY_PAIR_MODELS

ROOT = pathlib.Path(__file__).resolve().parents[2]


OFTEN = ["lstm_lm", "transformer_decoder", "encoder_decoder"]


def models(names):
    return [pytest.param(n, marks=() if n in OFTEN else pytest.mark.slow) for n in names]


@functools.cache
def found(often):
    names = [name for name in [*TINY, *TINY_PAIR_MODELS] if (name in OFTEN) == often]
    command = [sys.executable, "-m", "tests.distribution.dealt_evaluation", *names]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", models([*TINY, *TINY_PAIR_MODELS]))
def test_the_ledger_is_the_same_to_the_last_token(name):
    results = found(name in OFTEN)["results"][name]
    one, three = results["one"], results["three"]
    ledgers = [key for key in one if not key.startswith("generated")]
    assert len(ledgers) >= 3 and one.keys() == three.keys()
    for key in ledgers:
        for field, value in one[key].items():
            if isinstance(value, float):  # sums of float32, of matrix products of other heights
                assert three[key][field] == pytest.approx(value, rel=1e-7), (key, field)
            else:
                assert three[key][field] == value, (key, field)


@pytest.mark.parametrize("name", models(TINY))
def test_the_texts_are_the_same(name):
    results = found(name in OFTEN)["results"][name]
    texts = [key for key in results["one"] if key.startswith("generated")]
    assert len(texts) == 2 and all(results["one"][key] for key in texts)
    for key in texts:
        assert results["three"][key] == results["one"][key]


def test_more_replicas_than_rows_are_refused():
    assert found(True)["too_few"].startswith(
        "data.batch_size: expected at least one row for each of the 3"
    )
