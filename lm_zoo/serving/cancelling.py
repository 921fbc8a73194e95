"""Calls of TensorFlow that can be given up while they run."""

import threading

from tensorflow.python.eager import cancellation

_own = threading.local()


class _OfThisThread:
    """Stands for the manager of the thread that asks: TensorFlow has one place for all threads."""

    def __init__(self):
        self._never = cancellation.CancellationManager()

    @property
    def _impl(self):
        return getattr(_own, "manager", self._never)._impl


_of_this_thread = _OfThisThread()


class Cancelling:
    """Ends the calls of TensorFlow that one thread makes inside this context, on request.

    A graph that is cancelled ends at the next turn of a loop, of which everything long has one, by
    `tf.errors.CancelledError`; so does every later call inside the context.
    """

    def __init__(self):
        self._manager = cancellation.CancellationManager()
        self._lock = threading.Lock()

    def __enter__(self):
        cancellation.CancellationManagerContext(_of_this_thread).__enter__()
        _own.manager = self._manager
        return self

    def __exit__(self, *raised):
        del _own.manager

    def cancel(self):
        """Ends what runs; may be called from any thread, and again."""
        with self._lock:
            if not self._manager.is_cancelled:
                self._manager.start_cancel()
