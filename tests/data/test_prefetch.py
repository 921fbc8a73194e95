"""Batches made ahead in a thread: in order, with their errors, and with an end."""

import threading
import time

import numpy as np
import pytest

from lm_zoo.data.batching.batches import ContiguousBatches
from lm_zoo.data.batching.prefetch import prefetched
from lm_zoo.errors import UserError
from tests.small import position_split, rows_of

SPLIT = position_split(200, shards=1)


@pytest.mark.parametrize("start, stop", [(0, 20), (7, 19), (1000, 1003), (5, 5)])
def test_steps_come_in_order_from_any_one(start, stop):
    batches = ContiguousBatches(SPLIT, 4, 6)
    with prefetched(batches.batch, range(start, stop)) as ahead:
        found = list(ahead)
    assert [step for step, _ in found] == list(range(start, stop))
    for step, batch in found:
        for got, expected in zip(rows_of(batch), rows_of(batches.batch(step))):
            assert np.array_equal(got, expected)


def test_no_more_are_made_than_wait_and_the_thread_ends_with_the_block():
    made = []
    with prefetched(lambda step: made.append(step), range(1000), depth=3) as ahead:
        next(ahead)
        time.sleep(0.3)
        assert len(made) <= 1 + 3 + 1  # taken, waiting, and one in the thread's hand
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("prefetch")]


def test_an_error_is_raised_where_its_step_is_asked_for():
    def make(step):
        if step == 2:
            raise UserError("text: it is gone.")
        return step

    found = []
    with pytest.raises(UserError, match="it is gone"), prefetched(make, range(5)) as ahead:
        for step, _ in ahead:
            found.append(step)
    assert found == [0, 1]
