"""Real lack of what a process needs, for tests that ask what is said of it."""

import contextlib
import os
import resource


@contextlib.contextmanager
def without_descriptors(left=0):
    """Lets this process open no more than `left` files while the block lasts."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    held = []
    highest = max(map(int, os.listdir("/proc/self/fd"))) + 8
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest, before[1]))
    try:
        with contextlib.suppress(OSError):
            while True:
                held.append(os.open(os.devnull, os.O_RDONLY))
        for descriptor in [held.pop() for _ in range(left)]:
            os.close(descriptor)
        yield
    finally:
        for descriptor in held:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
