"""P4: the same losses and parameters however a run is divided; and that these tests can fail."""

import dataclasses

import numpy as np
import pytest

from tests.conformance.models import ALL_VARIANTS
from tests.conformance.replica_cases import (
    LAYOUTS,
    ONE,
    Case,
    case_of_each_variant,
    every_case,
)
from tests.conformance.replica_runs import assert_same, load, run_jobs

CASES = case_of_each_variant(steps=30, num_layers=1)
LSTM = next(case for case in CASES if case.variant == "lstm_lm")
ATTENTION = next(case for case in CASES if case.variant == "transformer_decoder")
OVERFLOW = Case("lstm_lm", "contiguous", "sgd", precision="float16", overflow_step=4)
BFLOAT16 = Case("lstm_lm", "contiguous", "sgd", precision="bfloat16")
ADAFACTOR = Case("rnn_lm", "contiguous", "adafactor")  # with an optimizer of our own
XLA = Case("transformer_decoder", "windows", "sgd", jit_compile=True)
DIVIDED = ["mirrored x2, accumulation x2, 5 steps a call", "2 workers"]
CENTRAL = "central storage x2"
TRIED = [(case, layout) for case in CASES for layout in DIVIDED] + [
    (LSTM, "accumulation x4, 5 steps a call"),
    (LSTM, "mirrored x4"),
    (LSTM, "3 workers"),
    (LSTM, CENTRAL),
    (ADAFACTOR, "mirrored x2, accumulation x2, 5 steps a call"),
    (ADAFACTOR, CENTRAL),
    (ATTENTION, "central storage x2, accumulation x2, 5 steps a call"),
]
PRECISE = [
    (case, layout) for case in (OVERFLOW, BFLOAT16, XLA) for layout in ("mirrored x2", "2 workers")
] + [(OVERFLOW, CENTRAL)]
SPARSE = Case("rnn_lm", "contiguous", "adam", defect="sparse_gradients")
CLIP = Case("lstm_lm", "contiguous", "sgd", defect="clip_before_reducing")
DROPOUT = Case("lstm_lm", "contiguous", "sgd", defect="same_dropout")
FIRST_ONLY = Case(
    "lstm_lm", "contiguous", "sgd", precision="float16", overflow_step=4, defect="overflow_on_first"
)


def without_defect(case):
    return dataclasses.replace(case, defect="")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """All that the quick tests look at, trained by a few processes at once."""
    path = tmp_path_factory.mktemp("replicas")
    jobs = [*TRIED, *PRECISE, *((case, ONE) for case in (*CASES, OVERFLOW, BFLOAT16, ADAFACTOR))]
    jobs += [(dataclasses.replace(XLA, jit_compile=False), ONE), (without_defect(CLIP), ONE)]
    jobs += [(SPARSE, ONE), (SPARSE, "accumulation x2")]
    jobs += [(case, "mirrored x2") for case in (CLIP, DROPOUT, FIRST_ONLY)]
    run_jobs(path, jobs, plain=True)
    return path


def test_every_variant_takes_part():
    for cases in (CASES, every_case(steps=30)):
        assert {case.variant for case in cases} == set(ALL_VARIANTS)
    assert {case.layout for case in CASES} == {"contiguous", "windows", "packed", "pairs"}


@pytest.mark.parametrize(
    "case, layout", TRIED, ids=[f"{case.name}, {layout}" for case, layout in TRIED]
)
def test_losses_and_parameters_do_not_depend_on_the_division(folder, case, layout):
    assert_same(load(folder, case, layout), load(folder, case, ONE))


@pytest.mark.parametrize("layout", ["mirrored x2", "2 workers"])
def test_compiled_with_xla_and_divided_it_learns_the_same(folder, layout):
    plain = dataclasses.replace(XLA, jit_compile=False)
    assert_same(load(folder, XLA, layout), load(folder, plain, ONE))


@pytest.mark.parametrize("layout", ["mirrored x2", "2 workers"])
def test_bfloat16_divided_learns_the_same_but_for_its_rounding(folder, layout):
    """Sums over rows are rounded to 8 bits in each part, so 1e-5 is not to be had."""
    assert_same(load(folder, BFLOAT16, layout), load(folder, BFLOAT16, ONE), 2e-3)


@pytest.mark.parametrize("layout", ["mirrored x2", "2 workers", CENTRAL])
def test_float16_sees_an_overflow_on_the_last_replica(folder, layout):
    """All replicas halve the scale and leave the parameters as they are, to the bit."""
    found, expected = load(folder, OVERFLOW, layout), load(folder, OVERFLOW, ONE)
    np.testing.assert_array_equal(found.skipped, [0] * 4 + [1] * 6)
    np.testing.assert_array_equal(found.loss_scale, [2.0**15] * 4 + [2.0**14] * 6)
    np.testing.assert_array_equal(found.loss_scale, expected.loss_scale)
    assert found.fingerprint[4] == found.fingerprint[3] != found.fingerprint[5]
    assert_same(found, expected, 2e-3)


def test_sparse_gradients_would_be_found(folder):
    """Defect 1: Keras' Adam takes only one of a token's occurrences, in each part."""
    with pytest.raises(AssertionError, match="differ"):
        assert_same(load(folder, SPARSE, "accumulation x2"), load(folder, SPARSE, ONE))


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(CLIP, id="defect 2: clipping before the reduction"),
        pytest.param(DROPOUT, id="defect 4: the same dropout mask on each replica"),
        pytest.param(FIRST_ONLY, id="defect 5: overflow looked for on the first replica only"),
    ],
)
def test_these_defects_would_be_found(folder, case):
    expected = load(folder, without_defect(case), ONE)
    with pytest.raises(AssertionError, match="differ"):
        assert_same(load(folder, case, "mirrored x2"), expected, 2e-3)


@pytest.mark.slow
def test_every_model_on_every_layout_for_30_steps(tmp_path):
    cases = case_of_each_variant(steps=30)
    run_jobs(tmp_path, [(case, layout) for case in cases for layout in LAYOUTS])
    for case in cases:
        for layout in LAYOUTS:
            assert_same(load(tmp_path, case, layout), load(tmp_path, case, ONE))


@pytest.mark.slow
def test_every_model_with_every_layout_of_data_and_optimizer(tmp_path):
    cases = every_case(steps=30)
    run_jobs(tmp_path, [(case, layout) for case in cases for layout in (ONE, *DIVIDED)], plain=True)
    for case in cases:
        for layout in DIVIDED:
            assert_same(load(tmp_path, case, layout), load(tmp_path, case, ONE))
