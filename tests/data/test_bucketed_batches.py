"""Batches of records: each once an epoch, whole, in buckets of like length."""

import hashlib

import numpy as np
import pytest

from lm_zoo.data.batching.bucketed_batches import BucketedBatches
from lm_zoo.errors import UserError
from tests.small import END, document_split, token_split

LIMITS = {"source": 20, "target": 24}


def pairs_of(count=60, longest=30, seed=0):
    """Each source is its number and some ones; the target is its number and some twos."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(0, longest, (count, 2))
    sources = [[10 + i, *[1] * a] for i, (a, _) in enumerate(lengths)]
    targets = [[10 + i, *[2] * b] for i, (_, b) in enumerate(lengths)]
    return sources, targets


def make(sources, targets, **arguments):
    fields = {"source": document_split(sources), "target": document_split(targets)}
    return BucketedBatches(fields, by=("source", "target"), **arguments)


def rows_of_an_epoch(batches, epoch=0):
    """The texts of each row that counts, a tuple of lists without the end tokens."""
    found = []
    for step in range(epoch * batches.steps_per_epoch, (epoch + 1) * batches.steps_per_epoch):
        features, reset, num_rows = batches.batch(step)
        assert reset and num_rows == batches.num_rows(step)
        for row in range(num_rows):
            texts = []
            for name in batches.fields:
                ids, length = features[name][row], features[f"{name}_lengths"][row]
                assert ids.dtype == length.dtype == np.int32
                assert not ids[length:].any() and (not length or ids[length - 1] == END)
                texts.append(ids[: max(0, length - 1)].tolist() if length else None)
            if texts[0] is None:
                assert texts == [None] * len(texts)
            else:
                found.append(tuple(texts))
    return found


@pytest.mark.parametrize("arguments", [{"batch_size": 8}, {"batch_tokens": 128}])
def test_each_pair_is_used_once_an_epoch_and_belongs_together(arguments):
    sources, targets = pairs_of()
    batches = make(sources, targets, seed=1, **arguments)
    expected = sorted(zip(sources, targets))
    first, second = rows_of_an_epoch(batches), rows_of_an_epoch(batches, 1)
    assert sorted(first) == sorted(second) == expected
    assert first != second
    assert batches.num_examples == len(expected)
    assert batches.num_tokens["target"] == sum(len(t) + 1 for t in targets)
    assert batches.num_tokens["source"] == sum(len(s) + 1 for s in sources)


@pytest.mark.parametrize(
    "arguments, steps, digest",
    [
        ({"batch_size": 8, "seed": 1}, 11, "780031a38d6efb8b"),
        ({"batch_tokens": 128, "seed": 2}, 15, "fb8e372646f0fe8e"),
        ({"batch_tokens": 100, "limits": LIMITS, "too_long": "truncate"}, 14, "4c107fab16aa9da0"),
        ({"batch_size": 8, "limits": LIMITS, "too_long": "drop"}, 6, "a85d3ffa12906a1f"),
    ],
)
def test_order_and_shapes_are_those_of_earlier_versions(arguments, steps, digest):
    """So that a run that was begun by one of them goes on as it would have."""
    batches, found = make(*pairs_of(), **arguments), hashlib.sha256()
    assert batches.steps_per_epoch == steps
    for step in range(2 * steps):
        features = batches.batch(step).features
        shapes = features["source"].shape, features["target"].shape
        found.update(repr((batches.examples_of(step).tolist(), *shapes)).encode())
        found.update(features["source"].tobytes() + features["target"].tobytes())
    assert found.hexdigest()[:16] == digest


def test_a_batch_holds_no_more_tokens_than_asked_for():
    batches = make(*pairs_of(), batch_tokens=128)
    shapes = {
        batches.batch(step).features["target"].shape for step in range(batches.steps_per_epoch)
    }
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
        part = batches.batch(step, slice(1, 3))
        for name, feature in whole.features.items():
            np.testing.assert_array_equal(feature, again.batch(step).features[name])
            np.testing.assert_array_equal(feature[1:3], part.features[name])
        assert part.num_rows == whole.num_rows
    assert any(
        not np.array_equal(batches.examples_of(step), other.examples_of(step)) for step in range(5)
    )


def test_pairs_that_are_too_long():
    sources, targets = [[5, 6, 7, 8], [5]], [[9], [9, 8]]
    limits = {"limits": {"source": 3, "target": 3}}
    with pytest.raises(UserError, match="1 of 2 records.*record 1: a source of 5 tokens where 3"):
        make(sources, targets, **limits)
    dropped = make(sources, targets, too_long="drop", **limits)
    assert dropped.num_dropped == 1 and rows_of_an_epoch(dropped) == [([5], [9, 8])]
    cut = make(sources, targets, too_long="truncate", **limits)
    assert cut.num_truncated == 1
    assert sorted(rows_of_an_epoch(cut)) == [([5], [9, 8]), ([5, 6], [9])]
    with pytest.raises(UserError, match="at least one record"):
        make(sources[:1], targets[:1], too_long="drop", **limits)


def test_padding_stays_within_the_limits():
    # The bucket that holds lengths of 9 to 12.
    limits = {"source": 9, "target": 10}
    batches = make([[5] * 8, [6]], [[7] * 4, [8] * 9], batch_size=2, limits=limits)
    assert batches.steps_per_epoch == 1
    batch = batches.batch(0)
    assert batch.features["source"].shape == (2, 9) and batch.features["target"].shape == (2, 10)
    assert sorted(rows_of_an_epoch(batches)) == [([5] * 8, [7] * 4), ([6], [8] * 9)]


def test_fields_that_do_not_pick_the_bucket_are_as_wide_as_their_longest_text():
    texts, labels = [[5] * n for n in (1, 30, 3, 8)], [[1], [2], [1], [3]]
    fields = {"text": document_split(texts), "label": document_split(labels)}
    batches = BucketedBatches(fields, by=("text",), batch_size=2, limits={"text": 31})
    widths = {batches.batch(step).features["text"].shape for step in range(3)}
    assert batches.steps_per_epoch == 3 and widths == {(2, 8), (2, 12), (2, 31)}
    for step in range(3):
        features = batches.batch(step).features
        assert list(features) == ["text", "text_lengths", "label", "label_lengths"]
        assert features["label"].shape == (2, 2)
    assert sorted(rows_of_an_epoch(batches)) == sorted(zip(texts, labels))
    assert batches.mean_length == (2 + 31 + 4 + 9) / 4


def test_any_number_of_fields():
    records = [[[10 + i] * (1 + i % 3), [20 + i] * (i % 5 + 1), [30 + i]] for i in range(9)]
    splits = [document_split(column) for column in zip(*records)]
    fields = dict(zip(("story", "question", "answer"), splits))
    batches = BucketedBatches(fields, by=("story", "question"), batch_size=4)
    assert sorted(rows_of_an_epoch(batches)) == sorted(map(tuple, records))


def test_a_stream_has_no_records():
    stream = token_split(np.zeros(9, np.uint16), "train")
    with pytest.raises(UserError, match="one source per record; the train split is one str"):
        BucketedBatches({"source": stream}, by=("source",))
