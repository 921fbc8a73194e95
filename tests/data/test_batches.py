"""Batches are functions of the step: every target once an epoch, rows unbroken, order exact.

The splits below hold their own positions as tokens, so a batch shows which tokens it was made of.
"""

import collections

import numpy as np
import pytest

from lm_zoo.data.batching.batches import ContiguousBatches, WindowBatches
from lm_zoo.errors import UserError
from tests.small import position_split, rows_of


def targets_of(batch):
    return batch.features["targets"][batch.features["weights"] == 1].tolist()


def check_shape_and_shift(batch, rows, length):
    for array, dtype in zip(rows_of(batch), (np.int32, np.int32, np.float32)):
        assert array.shape == (rows, length) and array.dtype == dtype
    counted = batch.features["weights"] == 1
    assert np.all(counted | (batch.features["weights"] == 0))
    assert np.array_equal(
        batch.features["targets"][counted], batch.features["token_ids"][counted] + 1
    )
    assert (
        not batch.features["token_ids"][~counted].any()
        and not batch.features["targets"][~counted].any()
    )
    for row in counted:  # padding comes last
        assert np.all(row[:-1] >= row[1:])
    for row, weights in zip(batch.features["token_ids"], counted):
        assert np.all(np.diff(row[weights]) == 1)


SIZES = [
    (rows, length, rows * length + 1 + more)
    for rows in (1, 2, 3, 5)
    for length in (1, 2, 3, 7)
    for more in (*range(0, 9), 40, 41)
]


@pytest.mark.parametrize("rows, length, num_tokens", SIZES)
def test_contiguous_rows_use_every_target_once_and_never_break(rows, length, num_tokens):
    batches = ContiguousBatches(position_split(num_tokens), rows, length)
    assert isinstance(batches.steps_per_epoch, int)
    assert batches.num_targets == num_tokens - 1
    seen, ends = collections.Counter(), None
    for step in range(batches.steps_per_epoch):
        batch = batches.batch(step)
        check_shape_and_shift(batch, rows, length)
        assert batch.reset is (step == 0)
        seen.update(targets_of(batch))
        if ends is not None:
            going_on = batch.features["weights"][:, 0] == 1
            assert np.array_equal(batch.features["token_ids"][going_on, 0], ends[going_on])
        if step < batches.steps_per_epoch - 1:
            assert batch.features["weights"].all()
        ends = batch.features["targets"][:, -1]
    assert seen == collections.Counter(range(1, num_tokens))
    lengths = np.diff(batches.row_starts)
    assert lengths.max() - lengths.min() <= 1
    assert batch.features["weights"].any()  # no step of padding alone


def test_contiguous_epochs_repeat():
    batches = ContiguousBatches(position_split(100), 3, 7)
    again = batches.batch(2 + 4 * batches.steps_per_epoch)
    for a, b in zip(rows_of(batches.batch(2)), rows_of(again)):
        assert np.array_equal(a, b)
    assert batches.batch(batches.steps_per_epoch).reset is True


@pytest.mark.parametrize("rows, length, num_tokens", SIZES)
def test_windows_use_every_target_once_an_epoch(rows, length, num_tokens):
    batches = WindowBatches(position_split(num_tokens), rows, length, stride=0, seed=3)
    windows = batches.num_examples
    assert batches.num_targets == num_tokens - 1
    assert batches.steps_per_epoch == windows / rows
    sequence = []  # of rows, over `rows` epochs, which end together with a batch
    for step in range(windows):
        batch = batches.batch(step)
        check_shape_and_shift(batch, rows, length)
        assert batch.reset is True
        sequence += [
            t[w == 1].tolist() for t, w in zip(batch.features["targets"], batch.features["weights"])
        ]
    for epoch in range(rows):
        used = sum(sequence[epoch * windows : (epoch + 1) * windows], [])
        assert collections.Counter(used) == collections.Counter(range(1, num_tokens))


@pytest.mark.parametrize("stride", [1, 2, 3, 4])
@pytest.mark.parametrize("num_tokens", [*range(10, 20), 50])
def test_overlapping_windows_are_full_and_reach_every_target(stride, num_tokens):
    rows, length = 2, 5
    split = position_split(num_tokens)
    expected = list(range(0, num_tokens - length, stride))  # starts of full windows
    if expected[-1] + length < num_tokens - 1:
        expected.append(num_tokens - 1 - length)
    batches = WindowBatches(split, rows, length, stride, seed=0)
    assert batches.num_examples == len(expected)
    assert batches.num_targets == len(expected) * length
    starts, used = [], set()
    for step in range(batches.num_examples):  # `rows` epochs
        batch = batches.batch(step)
        check_shape_and_shift(batch, rows, length)
        assert batch.features["weights"].all()
        starts += batch.features["token_ids"][:, 0].tolist()
        used.update(targets_of(batch))
    assert collections.Counter(starts) == {start: rows for start in expected}
    assert used == set(range(1, num_tokens))


def test_each_epoch_and_each_seed_has_its_own_order():
    def order(seed, epoch):
        batches = WindowBatches(position_split(401), 10, 10, seed=seed)
        steps = range(4 * epoch, 4 * epoch + 4)
        return np.concatenate([batches.examples_of(step) for step in steps]).tolist()

    orders = [order(0, 0), order(0, 1), order(1, 0), order(2**31 - 1, 0), list(range(40))]
    assert all(sorted(one) == list(range(40)) for one in orders)
    assert len({tuple(one) for one in orders}) == 5
    assert order(0, 1) == order(0, 1)


def test_the_order_is_well_mixed():
    """The mean distance of neighbours in a random order of n is n / 3."""
    windows = 3000
    batches = WindowBatches(position_split(windows * 2 + 1), windows, 2, seed=0)
    order = batches.examples_of(5)
    assert np.abs(np.diff(order)).mean() == pytest.approx(windows / 3, rel=0.05)


@pytest.mark.parametrize("make", [ContiguousBatches, WindowBatches])
def test_a_batch_does_not_depend_on_what_came_before(make):
    fresh, used = make(position_split(200), 4, 6), make(position_split(200), 4, 6)
    for step in (17, 3, 0, 8):
        used.batch(step)
    for a, b in zip(rows_of(fresh.batch(11)), rows_of(used.batch(11))):
        assert np.array_equal(a, b)


@pytest.mark.parametrize("num_tokens", [0, 1, 2, 12])
@pytest.mark.parametrize("make", [ContiguousBatches, WindowBatches])
def test_a_corpus_shorter_than_one_batch_is_an_error(make, num_tokens):
    make(position_split(25), 4, 6)
    with pytest.raises(
        UserError, match=f"train split has {num_tokens} tokens, and one batch of 4 x 6"
    ):
        make(position_split(num_tokens), 4, 6)


@pytest.mark.parametrize("stride", [1, 2, 6])
def test_windows_need_as_many_tokens_as_the_error_says(stride):
    needed = 3 * stride + 6 + 1
    assert WindowBatches(position_split(needed), 4, 6, stride).num_examples == 4
    with pytest.raises(UserError, match=f"needs {needed}"):
        WindowBatches(position_split(needed - 1), 4, 6, stride)


def test_a_stride_that_leaves_tokens_out_is_an_error():
    for stride in (7, -1):
        with pytest.raises(UserError, match=f"task.window_stride: .* received {stride}"):
            WindowBatches(position_split(100), 4, 6, stride)
