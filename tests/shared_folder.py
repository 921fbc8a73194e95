"""Folders that the processes of pytest-xdist share: what is costly to make is made once for all."""

import contextlib
import fcntl


@contextlib.contextmanager
def shared_folder(tmp_path_factory, name):
    """Gives a folder that all workers of this test run share, to one of them at a time.

    Args:
        tmp_path_factory: pytest's.
        name: Of the folder.

    Yields:
        `(folder, is_new)`: whether the caller is the first, and has to fill it.
    """
    root = tmp_path_factory.getbasetemp()
    if root.name.startswith("popen-"):  # pytest-xdist: a worker's own folder in the common one
        root = root.parent
    folder, made = root / name, root / f".{name}"
    folder.mkdir(exist_ok=True)
    with open(root / f".{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder, not made.exists()
        made.touch()
