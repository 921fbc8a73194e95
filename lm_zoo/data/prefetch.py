"""Batches read ahead in a thread, while the steps before them are made."""

import contextlib
import queue
import threading

_END = object()


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
    waiting, left = queue.Queue(depth), threading.Event()

    def put(item):
        while not left.is_set():
            with contextlib.suppress(queue.Full):
                return waiting.put(item, timeout=0.1)

    def work():
        try:
            for step in steps:
                if left.is_set():
                    return
                put((step, make(step), None))
        except BaseException as error:  # raised where it is waited for
            put((None, None, error))
        else:
            put(_END)

    def taken():
        while (item := waiting.get()) is not _END:
            step, made, error = item
            if error is not None:
                raise error
            yield step, made

    thread = threading.Thread(target=work, name="prefetch", daemon=True)
    thread.start()
    try:
        yield taken()
    finally:
        left.set()
        thread.join()
