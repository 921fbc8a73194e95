"""Calls that are given up end; calls that fail end nothing but themselves."""

import asyncio
import threading

import pytest
import tensorflow as tf

from lm_zoo.serving.http.metrics import Metrics
from lm_zoo.serving.inference.batcher import Batcher
from lm_zoo.serving.inference.cancelling import Cancelling


@tf.function(input_signature=[tf.TensorSpec((), tf.int32)], autograph=False)
def halves(number):
    """Fails for odd numbers, and does not end for negative ones."""
    even = tf.debugging.assert_equal(number % 2, 0)
    with tf.control_dependencies([even]):
        turns = tf.while_loop(lambda n: (number < 0) | (n < number), lambda n: n + 2, [0])[0]
        return turns // 2


def test_a_failing_call_leaves_the_later_ones_alone():
    with Cancelling():
        assert halves(4) == 2
    for context in (Cancelling(), None):  # inside, and in a thread that gives nothing up
        for number in (3, 5):
            with pytest.raises(tf.errors.InvalidArgumentError):
                _call(context, number)
            assert _call(context, 8) == 4


def test_what_is_given_up_ends_and_stays_ended():
    given_up = Cancelling()
    threading.Timer(0.2, given_up.cancel).start()
    with pytest.raises(tf.errors.CancelledError):
        _call(given_up, -2)
    with pytest.raises(tf.errors.CancelledError):
        _call(given_up, 4)
    assert halves(4) == 2
    other = threading.Thread(target=lambda: results.append(halves(6).numpy()))
    results = []
    with Cancelling():
        other.start()
        other.join()
    assert results == [3]


def test_the_fault_of_one_request_is_not_that_of_its_neighbours():
    class Call:
        rows = tokens = 1
        key = ()

        def __init__(self, number):
            self.number = number

    def function(calls):
        return [int(halves(call.number)) for call in calls]

    batcher = Batcher("halves", function, 8, 0.2, 8, Metrics("halves", 1))
    try:
        futures = [batcher.submit([Call(number)]) for number in (4, 3, 6, 5, 10)]
        found = _results(futures)
    finally:
        batcher.close()
    assert found == [[2], "InvalidArgumentError", [3], "InvalidArgumentError", [5]]


def _call(context, number):
    if context is None:
        return halves(number)
    with context:
        return halves(number)


def _results(coroutines):
    async def together():
        found = await asyncio.gather(*coroutines, return_exceptions=True)
        return [type(f).__name__ if isinstance(f, Exception) else f for f in found]

    return asyncio.run(together())
