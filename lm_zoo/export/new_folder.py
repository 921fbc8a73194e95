"""A folder that appears whole, with all its files on the disk, or not at all."""

import contextlib
import errno
import fcntl
import os
import pathlib
import secrets
import shutil

from lm_zoo.files import cannot_write, os_error_of, sync

PREFIX = ".lm_zoo-export-"  # ours alone, since what a killed export left is removed


class NewFolder:
    """Lets a block fill a folder, and gives it its name when the block has ended well.

        with NewFolder("exports/shakespeare", lambda: "1") as folder:
            ...                                         # files below `folder.path`
        print(folder.path)                              # exports/shakespeare/1

    After an error nothing is left, not even a `parent` that was made for it. What a killed process
    left is removed by the next one.

    Args:
        parent: Where the folder will be; made if it is not there.
        name: Returns the name, when all is written; called again if that was taken meanwhile.

    Attributes:
        path: The `pathlib.Path` to write to, beside where it will be; after the block, its own.

    Raises:
        UserError: If it cannot be written, a full disk included.
    """

    def __init__(self, parent, name):
        self.parent = pathlib.Path(parent)
        self.path = self.parent / f"{PREFIX}{os.getpid()}-{secrets.token_hex(4)}"
        self._name = name
        self._made = []
        self._lock = None

    def __enter__(self):
        self._made = [p for p in (self.parent, *self.parent.parents) if not p.exists()]
        try:
            with writing(self.parent):
                self.parent.mkdir(parents=True, exist_ok=True)
                _remove_abandoned(self.parent)
                self.path.mkdir()
                # A lock goes with the process that holds it: a folder without one is abandoned.
                self._lock = os.open(self.path, os.O_RDONLY)
                fcntl.flock(self._lock, fcntl.LOCK_EX)
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, kind, error, traceback):
        try:
            with writing(self.parent):
                if error is not None:
                    raise error
                _sync_all(self.path)
                self.path = self._renamed()
        except BaseException:
            self._remove()
            raise
        finally:
            os.close(self._lock)

    def _renamed(self):
        tried = None
        while True:
            final = self.parent / self._name()
            try:
                os.rename(self.path, final)
            except OSError as error:
                if error.errno not in (errno.EEXIST, errno.ENOTEMPTY) or final == tried:
                    raise
                tried = final
                continue
            sync(self.parent)
            return final

    def _remove(self):
        shutil.rmtree(self.path, ignore_errors=True)
        for folder in self._made:
            with contextlib.suppress(OSError):  # others may have put something there
                folder.rmdir()


@contextlib.contextmanager
def writing(path):
    """Turns errors of the disk, TensorFlow's words for them included, into a `UserError`."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise cannot_write(path, error) from error
    except Exception as error:
        is_of_tensorflow = type(error).__module__.startswith("tensorflow.")
        if is_of_tensorflow and (met := os_error_of(str(error))):
            raise cannot_write(path, met) from error
        raise


def _sync_all(folder):
    for path in sorted(folder.rglob("*"), reverse=True):  # what is in a folder before itself
        sync(path)
    sync(folder)


def _remove_abandoned(parent):
    for path in parent.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            lock = os.open(path, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path)
            finally:
                os.close(lock)
