"""Batches read ahead in a thread, while the steps before them are made."""

import collections
import concurrent.futures
import contextlib
import itertools


@contextlib.contextmanager
def prefetched(make, steps, depth=4):
    """Makes things ahead of their use, in their order.

    Args:
        make: Function of a step.
        steps: Iterable of steps.
        depth: How many wait at most.

    Yields:
        An iterator of `(step, make(step))`. An error in `make` is raised where its step is asked
        for. On leaving, the thread ends.
    """
    steps, waiting = iter(steps), collections.deque()

    def begin(count):
        waiting.extend((step, thread.submit(make, step)) for step in itertools.islice(steps, count))

    def taken():
        while waiting:
            step, made = waiting.popleft()
            begin(1)
            yield step, made.result()

    with concurrent.futures.ThreadPoolExecutor(1, "prefetch") as thread:
        begin(depth)
        try:
            yield taken()
        finally:
            thread.shutdown(cancel_futures=True)
