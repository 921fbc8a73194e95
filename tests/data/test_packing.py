"""Documents in windows: none cut without need, every target once, as full as best fit makes them.

The splits below hold their own positions as tokens, so a batch shows which tokens it was made of.
"""

import collections

import numpy as np
import pytest

from lm_zoo.data.batching.packed_batches import PackedBatches
from lm_zoo.data.batching.packing import cut_documents, pack, pack_documents, read_rows
from lm_zoo.errors import UserError
from tests.small import position_split, rows_of


def documents(lengths, shards=3):
    """A split of positions whose documents have these numbers of targets."""
    starts = np.cumsum([0, *lengths]).astype(np.int64)
    return position_split(starts[-1] + 1, shards, document_starts=starts)


def draw(count, largest, seed=0):
    return np.random.default_rng(seed).geometric(min(1, 2 / largest), count).clip(1, largest)


def best_fit_one_by_one(lengths, window):
    """The textbook's best fit decreasing: the total of each bin, longest item first."""
    bins = []
    for length in sorted(lengths.tolist(), reverse=True):
        fitting = [i for i, total in enumerate(bins) if total + length <= window]
        if fitting:
            bins[max(fitting, key=bins.__getitem__)] += length
        else:
            bins.append(length)
    return bins


@pytest.mark.parametrize("window", [1, 2, 7, 20, 64])
@pytest.mark.parametrize("seed", range(4))
def test_packing_is_best_fit_decreasing(window, seed):
    lengths = draw(300, window, seed).astype(np.int32)
    order, bounds = pack(lengths, window)
    assert np.array_equal(np.sort(order), np.arange(300))
    found = [lengths[order[a:b]].sum() for a, b in zip(bounds, bounds[1:])]
    assert sorted(found) == sorted(best_fit_one_by_one(lengths, window))
    for a, b in zip(bounds, bounds[1:]):  # within a window, in the order of the text
        assert np.all(np.diff(order[a:b]) > 0)


@pytest.mark.parametrize(
    "lengths, count", [([], 0), ([5], 1), ([5] * 9, 9), ([1] * 100, 20), ([3, 3, 3, 1], 3)]
)
def test_few_and_equal_items_are_packed_too(lengths, count):
    order, bounds = pack(np.array(lengths, np.int32), 5)
    totals = [sum(lengths[i] for i in order[a:b]) for a, b in zip(bounds, bounds[1:])]
    assert sorted(order.tolist()) == list(range(len(lengths)))
    assert all(0 < total <= 5 for total in totals)
    assert len(totals) == count


def test_only_documents_longer_than_a_window_are_cut():
    starts = np.array([0, 4, 5, 20, 30, 41], np.int64)
    pieces, lengths = cut_documents(starts, 10)
    assert pieces.tolist() == [0, 4, 5, 15, 20, 30, 40]
    assert lengths.tolist() == [4, 1, 10, 5, 10, 10, 1]


@pytest.mark.parametrize("window", [1, 3, 8, 50])
@pytest.mark.parametrize("seed", range(3))
def test_every_token_but_the_first_is_a_target_once_an_epoch(window, seed):
    split, rows = documents(draw(60, 30, seed)), 3
    batches = PackedBatches(split, rows, window, seed=seed)
    firsts = set(cut_documents(split.document_starts, window)[0].tolist())
    assert batches.num_targets == split.num_tokens - 1
    assert batches.steps_per_epoch == batches.num_examples / rows
    sequence = []  # of rows, over `rows` epochs, which end together with a batch
    for step in range(batches.num_examples):
        batch = batches.batch(step)
        assert batch.reset is True
        kinds = (np.int32, np.int32, np.float32, bool)
        for array, kind in zip((*rows_of(batch), batch.features["document_starts"]), kinds):
            assert array.shape == (rows, window) and array.dtype == kind
        counted = batch.features["weights"] == 1
        assert np.array_equal(
            batch.features["targets"][counted], batch.features["token_ids"][counted] + 1
        )
        assert (
            not batch.features["token_ids"][~counted].any()
            and not batch.features["document_starts"][~counted].any()
        )
        # Marks stand where documents or their pieces begin, and between marks text is unbroken.
        assert (
            set(batch.features["token_ids"][batch.features["document_starts"]].tolist()) <= firsts
        )
        assert batch.features["document_starts"][:, 0].all()
        unbroken = counted[:, 1:] & ~batch.features["document_starts"][:, 1:]
        assert np.all(np.diff(batch.features["token_ids"])[unbroken] == 1)
        sequence += [t[w].tolist() for t, w in zip(batch.features["targets"], counted)]
    windows = batches.num_examples
    for epoch in range(rows):
        used = sum(sequence[epoch * windows : (epoch + 1) * windows], [])
        assert collections.Counter(used) == collections.Counter(range(1, split.num_tokens))
    epochs = [sequence[e * windows : (e + 1) * windows] for e in range(rows)]
    assert windows >= 10 and epochs[0] != epochs[1]  # each epoch has its own order
    places = windows * window
    assert batches.padding == pytest.approx(1 - batches.num_targets / places)


def test_a_document_that_fits_a_window_is_never_cut():
    split = documents(draw(500, 20))
    batches = PackedBatches(split, 1, 20)
    whole = set(zip(split.document_starts.tolist(), np.diff(split.document_starts).tolist()))
    pieces = [p for w in range(batches.num_examples) for p in batches.packing.pieces_of(w)]
    assert sorted(pieces) == sorted(whole)
    assert batches.padding < 0.01


def test_across_documents_gives_the_same_rows_without_marks():
    split = documents(draw(60, 30))
    apart, across = PackedBatches(split, 2, 16, seed=5), PackedBatches(split, 2, 16, True, seed=5)
    for step in (0, 9):
        one, other = apart.batch(step), across.batch(step)
        assert "document_starts" not in other.features
        for a, b in zip(rows_of(one), rows_of(other)):
            assert np.array_equal(a, b)


def test_a_batch_is_a_function_of_the_step():
    split = documents(draw(60, 30))
    used = PackedBatches(split, 2, 16, seed=5)
    for step in (17, 3):
        used.batch(step)
    fresh = PackedBatches(split, 2, 16, seed=5).batch(1000).features
    for name, value in used.batch(1000).features.items():
        assert np.array_equal(value, fresh[name])


def test_rows_hold_their_pieces_one_after_the_other():
    rows = read_rows(documents([4, 6]), [[(0, 3), (7, 2)], []], 6)
    assert rows.inputs.tolist() == [[0, 1, 2, 7, 8, 0], [0] * 6]
    assert rows.targets.tolist() == [[1, 2, 3, 8, 9, 0], [0] * 6]
    assert rows.inside.sum(1).tolist() == [5, 0]
    assert np.argwhere(rows.starts).tolist() == [[0, 0], [0, 3]]


def test_a_million_documents_fill_their_windows():
    starts = np.concatenate([[0], np.cumsum(draw(1_000_000, 3000))]).astype(np.int64)
    packing = pack_documents(starts, 256)
    assert packing.lengths.sum() == starts[-1] and packing.lengths.max() == 256
    totals = np.add.reduceat(packing.lengths.astype(np.int64), packing.bounds[:-1])
    assert totals.max() <= 256 and totals.mean() > 254


def test_a_stream_and_too_few_documents_are_errors():
    stream = position_split(100)
    with pytest.raises(UserError, match=r"'packed' needs documents.*set corpus.documents to"):
        PackedBatches(stream, 2, 8)
    assert PackedBatches(documents([8] * 4), 4, 8).num_examples == 4
    with pytest.raises(UserError, match="fill 3 windows of 8 tokens, expected at least one .* 4"):
        PackedBatches(documents([8] * 3), 4, 8)
