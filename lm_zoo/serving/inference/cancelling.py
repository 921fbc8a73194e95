"""Calls of TensorFlow that can be given up while they run."""

import threading

from tensorflow.python.eager import cancellation

_own = threading.local()


class _OfThisThread:
    """Stands for the manager of the thread that asks: TensorFlow has one place for all threads.

    A thread that gives nothing up has a new one for each call: TensorFlow cancels the manager of a
    call that fails, and with it every later call.
    """

    @property
    def _impl(self):
        manager = getattr(_own, "manager", None) or cancellation.CancellationManager()
        return manager._impl


_of_this_thread = _OfThisThread()


class Cancelling:
    """Ends the calls of TensorFlow that one thread makes inside this context, on request.

    The context may be entered again. A graph that is cancelled ends at the next turn of a loop, of
    which everything long has one, by `tf.errors.CancelledError`; so does every later call inside.
    """

    def __init__(self):
        self._manager = None
        self._is_cancelled = False
        self._lock = threading.Lock()

    def __enter__(self):
        with self._lock:
            self._manager = cancellation.CancellationManager()  # a call that failed ended the last
            if self._is_cancelled:
                self._manager.start_cancel()
        cancellation.CancellationManagerContext(_of_this_thread).__enter__()
        _own.manager = self._manager
        return self

    def __exit__(self, *raised):
        del _own.manager

    def cancel(self):
        """Ends what runs; may be called from any thread, and again."""
        with self._lock:
            self._is_cancelled = True
            if self._manager and not self._manager.is_cancelled:
                self._manager.start_cancel()
