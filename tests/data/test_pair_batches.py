"""Batches of sentence pairs: each pair once an epoch, whole, in buckets of like length."""

import numpy as np
import pytest

from lm_zoo.data.batches import dataset
from lm_zoo.data.pair_batches import PairBatches
from lm_zoo.data.token_files import TokenSplit
from lm_zoo.errors import UserError

END = 0


def split_of(sentences, name="train"):
    tokens, starts = [END], [0]
    for sentence in sentences:
        tokens += [*sentence, END]
        starts.append(len(tokens) - 1)
    return TokenSplit(
        name, (np.array(tokens, np.uint16),), document_starts=np.array(starts, np.int64)
    )


def pairs_of(count=60, longest=30, seed=0):
    """Each source is its number and some ones; the target is its number and some twos."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(0, longest, (count, 2))
    sources = [[10 + i, *[1] * a] for i, (a, _) in enumerate(lengths)]
    targets = [[10 + i, *[2] * b] for i, (_, b) in enumerate(lengths)]
    return sources, targets


def make(sources, targets, **arguments):
    return PairBatches(split_of(sources), split_of(targets), **arguments)


def rows_of_an_epoch(batches, epoch=0):
    """`(source, target)` of each row that counts, as lists without the end tokens."""
    found = []
    for step in range(epoch * batches.steps_per_epoch, (epoch + 1) * batches.steps_per_epoch):
        batch = batches.batch(step)
        assert len(batch.inputs) == batch.num_rows == batches.num_rows(step)
        for row in range(batch.num_rows):
            length, count = batch.source_lengths[row], int(batch.weights[row].sum())
            if not length:
                assert not count
                continue
            source = batch.source_ids[row, :length].tolist()
            inputs = batch.inputs[row, :count].tolist()
            targets = batch.targets[row, :count].tolist()
            assert source[-1] == END and targets[-1] == END and inputs == [END, *targets[:-1]]
            assert not batch.source_ids[row, length:].any()
            assert not batch.inputs[row, count:].any() and not batch.targets[row, count:].any()
            found.append((source[:-1], targets[:-1]))
    return found


@pytest.mark.parametrize("arguments", [{"batch_size": 8}, {"batch_tokens": 128}])
def test_each_pair_is_used_once_an_epoch_and_belongs_together(arguments):
    sources, targets = pairs_of()
    batches = make(sources, targets, seed=1, **arguments)
    expected = sorted(zip(sources, targets))
    first, second = rows_of_an_epoch(batches), rows_of_an_epoch(batches, 1)
    assert sorted(first) == sorted(second) == expected
    assert first != second
    assert batches.num_targets == sum(len(t) + 1 for t in targets)


def test_a_batch_holds_no_more_tokens_than_asked_for():
    batches = make(*pairs_of(), batch_tokens=128)
    shapes = {batches.batch(step).inputs.shape for step in range(batches.steps_per_epoch)}
    assert all(rows * length <= 128 for rows, length in shapes)
    assert all(rows == 128 // length for rows, length in shapes)
    assert len(shapes) > 3
    assert 0 < batches.padding < 0.6


def test_a_step_is_a_function_of_itself():
    sources, targets = pairs_of()
    batches = make(sources, targets, batch_tokens=100, seed=3)
    again = make(sources, targets, batch_tokens=100, seed=3)
    other = make(sources, targets, batch_tokens=100, seed=4)
    for step in (17, 3, 40):
        whole = batches.batch(step)
        for a, b in zip(whole, again.batch(step)):
            np.testing.assert_array_equal(a, b)
        part = batches.batch(step, slice(1, 3))
        np.testing.assert_array_equal(part.source_ids, whole.source_ids[1:3])
        assert part.num_rows == whole.num_rows
    assert any(
        not np.array_equal(batches.batch(step).inputs, other.batch(step).inputs)
        for step in range(5)
    )


def test_it_goes_on_at_any_step():
    batches = make(*pairs_of(), batch_tokens=100)
    whole = list(dataset(batches, 0, 9))
    later = list(dataset(batches, 5, 9, lambda step: slice(0, batches.num_rows(step))))
    for a, b in zip(whole[5:], later, strict=True):
        np.testing.assert_array_equal(a.source_ids, b.source_ids)
        assert int(a.num_rows) == int(b.num_rows)


def test_pairs_that_are_too_long():
    sources, targets = [[5, 6, 7, 8], [5]], [[9], [9, 8]]
    limits = {"max_source_length": 3, "max_target_length": 3}
    with pytest.raises(UserError, match="1 of 2 pairs.*pair 1: a source of 5 tokens where 3"):
        make(sources, targets, **limits)
    dropped = make(sources, targets, too_long="drop", **limits)
    assert dropped.num_dropped == 1 and rows_of_an_epoch(dropped) == [([5], [9, 8])]
    cut = make(sources, targets, too_long="truncate", **limits)
    assert cut.num_truncated == 1
    assert sorted(rows_of_an_epoch(cut)) == [([5], [9, 8]), ([5, 6], [9])]
    with pytest.raises(UserError, match="at least one pair"):
        make(sources[:1], targets[:1], too_long="drop", **limits)


def test_padding_stays_within_the_limits():
    # The bucket that holds lengths of 9 to 12.
    limits = {"max_source_length": 9, "max_target_length": 10}
    batches = make([[5] * 8, [6]], [[7] * 4, [8] * 9], batch_size=2, **limits)
    assert batches.steps_per_epoch == 1
    batch = batches.batch(0)
    assert batch.source_ids.shape == (2, 9) and batch.inputs.shape == (2, 10)
    assert sorted(rows_of_an_epoch(batches)) == [([5] * 8, [7] * 4), ([6], [8] * 9)]


def test_a_stream_has_no_pairs():
    stream = TokenSplit("train", (np.zeros(9, np.uint16),))
    with pytest.raises(UserError, match="task.name: 'translation' needs"):
        PairBatches(stream, stream)
