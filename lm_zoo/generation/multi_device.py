"""Work on rows spread over devices, a thread for each: decoding goes back and forth with Python."""

import concurrent.futures
import queue
import threading

import tensorflow as tf


def scatter_rows(work, rows, batch_size, devices=()):
    """Calls `work` on parts of the rows, on as many devices at once.

    A thread finds the parameters of a mirrored model on its own device, and a part that is done
    early does not wait for the others.

    Args:
        work: Called with a list of rows, returns a list.
        rows: A list.
        batch_size: Most rows in a part. Parts are smaller if that gives every device some.
        devices: Names of devices; fewer than two: one part after the other.

    Returns:
        What `work` returned, one after the other in the order of the rows.
    """
    if len(devices) > 1:
        batch_size = max(1, min(batch_size, -(-len(rows) // len(devices))))
    parts = [rows[begin : begin + batch_size] for begin in range(0, len(rows), batch_size)]
    return [result for results in map_on_devices(work, parts, devices) for result in results]


def map_on_devices(work, parts, devices=()):
    """Yields what `work` makes of each part, in their order; the arguments are those of `scatter_rows`."""
    if len(devices) < 2 or len(parts) < 2:
        yield from map(work, parts)
        return
    free = queue.SimpleQueue()
    for device in devices:
        free.put(device)

    def on_some_device(part):
        device = free.get()
        try:
            with tf.device(device):
                return work(part)
        finally:
            free.put(device)

    with concurrent.futures.ThreadPoolExecutor(len(devices)) as threads:
        yield from threads.map(on_some_device, parts)


def one_at_a_time(function):
    """Returns the function for use in several threads."""
    lock = threading.Lock()

    def call(*arguments):
        with lock:
            return function(*arguments)

    return call
