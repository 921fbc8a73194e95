"""Small helpers for files that must be whole or not there at all."""

import contextlib
import errno
import hashlib
import os
import pathlib
import secrets
import stat

from lm_zoo.errors import UserError
from lm_zoo.files.input_files import open_input

TEMPORARY_PREFIX = ".writing-"  # Not made from the target's name, so that no pattern matches it.

MAX_LINKS = 40  # on the way to a file; the kernel's own limit

# Errors that say nothing of what is in a file: something is short, forbidden or not there for now.
_NOT_OF_CONTENT = {
    getattr(errno, name)
    for name in (
        *("EMFILE", "ENFILE", "ENOMEM", "ENOBUFS", "ENOLCK", "EAGAIN", "EINTR", "EBUSY"),
        *("EACCES", "EPERM", "EROFS", "ENOSPC", "EDQUOT", "EFBIG", "ENAMETOOLONG", "ELOOP"),
        *("ENODEV", "ENXIO", "ENOTCONN", "ESTALE", "ETIMEDOUT", "ENETDOWN", "ENETUNREACH"),
        *("EHOSTDOWN", "EHOSTUNREACH"),
    )
    if hasattr(errno, name)
}

_ADVICE = {
    errno.ENOSPC: "free space there and rerun",
    errno.EDQUOT: "free space there and rerun",
    errno.EMFILE: "raise the limit on open files (ulimit -n) and rerun",
    errno.ENFILE: "close other programs, the system's limit on open files is reached",
    errno.ENOMEM: "close other programs, or request less at once, and rerun",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EFBIG: "raise the limit on file sizes (ulimit -f) and rerun",
    errno.EACCES: "make the folder writable, or choose another",
    errno.EPERM: "make the folder writable, or choose another",
    errno.EROFS: "the disk is read-only: choose another folder",
    errno.ENOTDIR: "part of the path is a file: choose another folder",
    errno.ENOENT: "create the folder first, or choose another",
    errno.EISDIR: "a folder has that name: choose another",
    errno.ELOOP: "the symbolic links form a loop: choose another folder",
}


def write_atomically(path, content):
    """Writes a file so that a reader, or a crash at any moment, sees the old one or the new one.

    Args:
        path: The file to write or replace; its folder exists.
        content: Bytes, or a string that is written as UTF-8.

    Raises:
        UserError: When it cannot be written, with the reason and what to do. Nothing is left over.
    """
    with writing_atomically(path) as write:
        write(content.encode("utf-8") if isinstance(content, str) else content)


@contextlib.contextmanager
def writing_atomically(path):
    """Writes a file piece by piece: `with writing_atomically(path) as write: write(data)`.

    Args:
        path: The file to write or replace when the block is over; its folder exists. An error in
            the block leaves it as it was, and nothing else behind.

    Raises:
        UserError: If the file cannot be written; at once if nothing can be written in its folder.
    """
    path = pathlib.Path(path)
    temporary = path.parent / f"{TEMPORARY_PREFIX}{os.getpid()}-{secrets.token_hex(4)}"
    with says_what_cannot_be_written(path):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        file = open(temporary, "xb")  # noqa: SIM115

    def write(data):
        with says_what_cannot_be_written(path):
            file.write(data)

    try:
        try:
            yield write
            with says_what_cannot_be_written(path):
                file.flush()
                os.fsync(file.fileno())
        finally:
            with says_what_cannot_be_written(path):
                file.close()
        with says_what_cannot_be_written(path):
            os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    with says_what_cannot_be_written(path):
        sync(path.parent)


@contextlib.contextmanager
def says_what_cannot_be_written(path):
    """Turns an `OSError` of the block into the `UserError` of `cannot_write`."""
    try:
        yield
    except OSError as error:
        raise cannot_write(path, error) from error


def make_folder_for(path):
    """Makes the folder of a file that will be written; raises as `write_atomically`."""
    with says_what_cannot_be_written(path):
        pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)


def sync(path):
    """Sees a file's content, or a folder's names, on to the disk: they outlast a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def link_of_another_user(path):
    """Returns the first symbolic link on the way to a path that is neither ours nor root's.

    Args:
        path: A file or folder, which need not exist.

    Returns:
        The link's path, or None.

    Raises:
        OSError: For a path that cannot be followed: too long, no permission, links in a circle.
    """
    waiting = list(reversed(pathlib.Path(path).absolute().parts))
    here, followed = pathlib.Path(waiting.pop()), 0
    while waiting:
        name = waiting.pop()
        here = here.parent if name == ".." else here / name
        try:
            status = os.lstat(here)
        except (FileNotFoundError, NotADirectoryError):
            return None
        if not stat.S_ISLNK(status.st_mode):
            continue
        if status.st_uid not in (0, os.geteuid()):
            return here
        followed += 1
        if followed > MAX_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(here))
        target = pathlib.Path(os.readlink(here))
        waiting += reversed(target.parts[1:] if target.is_absolute() else target.parts)
        here = pathlib.Path(target.anchor) if target.is_absolute() else here.parent
    return None


def sha256_file(path):
    """Returns the SHA-256 of a regular file's content in hexadecimal."""
    with open_input(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def expanded(path):
    """Returns a path with its first `~` or `~user` as the home folder, as a shell gives it."""
    return pathlib.Path(os.path.expanduser(path))


@contextlib.contextmanager
def plain_path(folder):
    """Yields a path of a folder that libraries take as it is, whatever its name is.

    TensorFlow takes some paths for patterns, so that it finds nothing where there are `[` or a
    backslash, and it wants UTF-8. The path is for this process and its children, while the block
    lasts.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        path = f"/proc/{os.getpid()}/fd/{descriptor}"
        yield path if os.path.isdir(path) else str(folder)
    finally:
        os.close(descriptor)


def is_of_system(error):
    """Whether an error says nothing of what is in a file: it is no damage, and no bug of ours.

    Such an `OSError` is a lack of file descriptors or memory, of space or of permission, or a disk
    that is not there.
    """
    return isinstance(error, OSError) and error.errno in _NOT_OF_CONTENT


def raise_if_of_system(error):
    """Raises an error again that says nothing of content, for whoever would call it damage."""
    if is_of_system(error):
        raise error


def os_error_of(message, path=None):
    """Returns the `OSError` that TensorFlow's or another library's words speak of, or None."""
    for number in (*_NOT_OF_CONTENT, errno.EIO):
        if os.strerror(number) in message:
            return OSError(number, os.strerror(number), path and str(path))
    if "OOM when" in message:
        return OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
    return None


def check_writable(path):
    """Sees, before anything slow, that a file or folder could be made or changed at a path.

    Raises:
        UserError: If this user may not write there, or nobody can.
    """
    path = pathlib.Path(path).absolute()
    there = next(p for p in (path, *path.parents) if os.path.lexists(p))
    if os.access(there, os.W_OK | (os.X_OK if there.is_dir() else 0)):
        return
    read_only = os.statvfs(there).f_flag & os.ST_RDONLY
    number = errno.EROFS if read_only else errno.EACCES
    raise cannot_write(path, OSError(number, os.strerror(number)))


def cannot_write(path, error):
    """Builds the error for a file that could not be written.

    Args:
        path: What was being written.
        error: The `OSError`.

    Returns:
        A `UserError` that says which file, why, and what to do.
    """
    return UserError(f"cannot write {path}: {reason(error)}; {advice(error)}.")


def reason(error):
    """Returns the operating system's words for an `OSError`, without number and path."""
    return error.strerror or str(error) or type(error).__name__


def advice(error, writing=True):
    """Returns what a user can do about an `OSError`, met while writing or at something else."""
    if not writing and error.errno in (errno.EACCES, errno.EPERM):
        return "give this user permission, or choose another location"
    return _ADVICE.get(error.errno, "fix this and rerun")
