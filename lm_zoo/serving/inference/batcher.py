"""Dynamic batching: requests that come at about the same time share one call of the model."""

import asyncio
import collections
import concurrent.futures
import dataclasses
import threading
import time

from lm_zoo.limits import MAX_TOKENS
from lm_zoo.serving.http.request_error import queue_full
from lm_zoo.serving.inference.cancelling import Cancelling


@dataclasses.dataclass(eq=False)
class _Waiting:
    call: object
    future: concurrent.futures.Future
    wanted: bool = True


class Batcher:
    """Calls one function of the model in a thread of its own, for several requests at once.

    Requests take turns: one of many calls does not keep the others waiting until its last. What a
    request wanted is given up when it waits no more, also while it is computed, if all do.

    Args:
        name: For metrics.
        function: Takes a list of calls that may be joined, returns a list of their results.
        max_batch_size: Most rows in one call of the function; a request with more is not cut here.
        wait_seconds: How long the first request waits for others, while nothing else is computed.
        max_queue: Most rows that wait.
        metrics: `Metrics`.
    """

    def __init__(self, name, function, max_batch_size, wait_seconds, max_queue, metrics):
        self.name = name
        self._function = function
        self._max_batch_size = max_batch_size
        self._wait_seconds = wait_seconds
        self._max_queue = max_queue
        self._metrics = metrics
        self._requests = collections.deque()  # lists of what waits, the next in turn first
        self._rows_waiting = 0
        self._running, self._cancelling = [], None
        self._closed = False
        self._changed = threading.Condition()
        metrics.waiting_texts.labels(name).set_function(lambda: self._rows_waiting)
        self._thread = threading.Thread(target=self._work, name=f"batcher-{name}", daemon=True)
        self._thread.start()

    async def submit(self, calls):
        """Waits for the results of a request's calls.

        Args:
            calls: Objects with `rows`, `tokens` and a `key`; calls of the same key can be joined.

        Returns:
            A list of results.

        Raises:
            RequestError: If too many rows wait already, or the model refused the input.
        """
        wanted = [_Waiting(call, concurrent.futures.Future()) for call in calls]
        waiting = list(wanted)
        with self._changed:
            rows = sum(call.rows for call in calls)
            if self._closed or self._rows_waiting + rows > self._max_queue:
                raise queue_full(self._rows_waiting)
            self._requests.append(waiting)
            self._rows_waiting += rows
            self._changed.notify()
        try:
            return await asyncio.gather(*(asyncio.wrap_future(one.future) for one in wanted))
        finally:
            self._give_up(wanted, waiting)

    def close(self):
        """Ends the thread after the call that runs; what waits is given up."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(timeout=10)

    def _give_up(self, wanted, waiting):
        """Forgets what is left of a request that has its results, or wants none any more."""
        with self._changed:
            for one in wanted:
                one.wanted = False
            if self._running and not any(one.wanted for one in self._running):
                self._cancelling.cancel()
            if waiting:
                self._requests.remove(waiting)
                self._rows_waiting -= sum(one.call.rows for one in waiting)

    def _work(self):
        while batch := self._next_batch():
            self._run(batch)

    def _next_batch(self):
        """Waits for something to do; returns calls of one key, or nothing when closed."""
        with self._changed:
            while True:
                while not self._requests:
                    if self._closed:
                        return []
                    self._changed.wait()
                deadline = time.monotonic() + self._wait_seconds
                while self._rows_waiting < self._max_batch_size and not self._closed:
                    if not self._changed.wait(deadline - time.monotonic()):
                        break
                if self._closed:
                    return []
                if self._requests:  # not given up meanwhile
                    self._running, self._cancelling = self._take_batch(), Cancelling()
                    return self._running

    def _take_batch(self):
        """Takes the first call of the request in turn, and those of all that fit to it."""
        batch, rows, tokens = [], 0, 0
        served, others = [], []
        for request in self._requests:
            left = []
            for one in request:
                call = one.call
                if not batch or (
                    call.key == batch[0].call.key
                    and rows + call.rows <= self._max_batch_size
                    and tokens + call.tokens <= MAX_TOKENS
                ):
                    batch.append(one)
                    rows, tokens = rows + call.rows, tokens + call.tokens
                else:
                    left.append(one)
            if left:
                (served if len(left) < len(request) else others).append(request)
            request[:] = left
        self._requests = collections.deque(others + served)
        self._rows_waiting -= rows
        return batch

    def _run(self, batch):
        """Calls the function for those that still want a result."""
        batch = [one for one in batch if one.future.set_running_or_notify_cancel()]
        if not batch:
            return
        rows = sum(one.call.rows for one in batch)
        self._metrics.batch_rows.labels(self.name).observe(rows)
        self._answer(batch)

    def _answer(self, batch):
        """Calls the function; if that fails, once for each: neighbours are not at fault."""
        try:
            with self._cancelling:
                results = self._function([one.call for one in batch])
        except Exception as error:
            if len(batch) == 1:
                batch[0].future.set_exception(error)
                return
            for one in batch:
                self._answer([one])
            return
        for one, result in zip(batch, results, strict=True):
            one.future.set_result(result)
