"""Dynamic batching: requests that come at about the same time share one call of the model."""

import asyncio
import collections
import concurrent.futures
import dataclasses
import threading
import time

from lm_zoo.serving.request_error import queue_full


@dataclasses.dataclass
class _Waiting:
    call: object
    future: concurrent.futures.Future


class Batcher:
    """Calls one function of the model in a thread of its own, for several requests at once.

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
        self._waiting = collections.deque()
        self._rows_waiting = 0
        self._closed = False
        self._changed = threading.Condition()
        metrics.waiting_texts.labels(name).set_function(lambda: self._rows_waiting)
        self._thread = threading.Thread(target=self._work, name=f"batcher-{name}", daemon=True)
        self._thread.start()

    async def submit(self, calls):
        """Waits for the results of a request's calls.

        Args:
            calls: Objects with `rows` and a `key`; calls of the same key can be joined.

        Returns:
            A list of results.

        Raises:
            RequestError: If too many rows wait already, or the model refused the input.
        """
        waiting = [_Waiting(call, concurrent.futures.Future()) for call in calls]
        with self._changed:
            rows = sum(call.rows for call in calls)
            if self._closed or self._rows_waiting + rows > self._max_queue:
                raise queue_full(self._rows_waiting)
            self._waiting.extend(waiting)
            self._rows_waiting += rows
            self._changed.notify()
        # A request that is cancelled takes along what has not begun.
        return await asyncio.gather(*(asyncio.wrap_future(one.future) for one in waiting))

    def close(self):
        """Ends the thread after the call that runs; what waits is given up."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(timeout=10)

    def _work(self):
        while batch := self._next_batch():
            self._run(batch)

    def _next_batch(self):
        """Waits for something to do; returns requests of one key, or nothing when closed."""
        with self._changed:
            while not self._waiting:
                if self._closed:
                    return []
                self._changed.wait()
            deadline = time.monotonic() + self._wait_seconds
            while self._rows_waiting < self._max_batch_size and not self._closed:
                if not self._changed.wait(deadline - time.monotonic()):
                    break
            if self._closed:
                return []
            return self._take_batch()

    def _take_batch(self):
        """Takes the first request, and those after it that fit to it."""
        key, batch, left, rows = self._waiting[0].call.key, [], collections.deque(), 0
        for one in self._waiting:
            fits = not batch or rows + one.call.rows <= self._max_batch_size
            if one.call.key == key and fits:
                batch.append(one)
                rows += one.call.rows
            else:
                left.append(one)
        self._waiting = left
        self._rows_waiting -= rows
        return batch

    def _run(self, batch):
        """Calls the function for those that still want a result."""
        batch = [one for one in batch if one.future.set_running_or_notify_cancel()]
        if not batch:
            return
        calls = [one.call for one in batch]
        self._metrics.batch_rows.labels(self.name).observe(sum(call.rows for call in calls))
        try:
            results = self._function(calls)
        except Exception as error:
            if len(batch) == 1:
                batch[0].future.set_exception(error)
                return
            self._run_alone(batch)  # the fault of one must not be that of its neighbours
            return
        for one, result in zip(batch, results, strict=True):
            one.future.set_result(result)

    def _run_alone(self, batch):
        for one in batch:
            try:
                one.future.set_result(self._function([one.call])[0])
            except Exception as error:
                one.future.set_exception(error)
