"""Unpacking of archives that nobody has to trust: chosen members, bounded size, nothing outside."""

import gzip
import hashlib
import os
import pathlib
import posixpath
import re
import stat
import tarfile
import zipfile
import zlib

from lm_zoo.errors import UserError
from lm_zoo.files.input_files import open_input

MAX_BYTES = 16 << 30  # of all members; the largest standard corpus has 4.2 GB
MAX_RATIO = 100  # text packs 3 to 10 times; a bomb a thousand times and more
FREE_BYTES = 1 << 20  # that the ratio does not apply to: a small file may repeat itself
CHUNK_BYTES = 1 << 20


def unpack(archive, members, directory, field):
    """Unpacks chosen members of a `.zip`, `.tar`, `.tar.gz` or `.tgz` archive into one folder.

    The files get the members' base names and go down to the disk. Every member's name is looked at,
    also of those that are not unpacked.

    Args:
        archive: The archive's path.
        members: Names of the members that are wanted.
        directory: Where to put them; it exists.
        field: The config field that it is for, for errors.

    Returns:
        Base name -> SHA-256, in hex, of the file.

    Raises:
        UserError: For a truncated or damaged archive, a member that would land outside the folder,
            more bytes than an archive of text can hold, or a wanted member that is missing.
        OSError: If a file cannot be written.
    """
    archive = pathlib.Path(archive)
    read = _zip_members if archive.suffix == ".zip" else _tar_members
    wanted, digests = set(members), {}
    budget = _Budget(archive, field)
    try:
        for name, chunks in read(archive, wanted, budget):
            target = pathlib.Path(directory, posixpath.basename(name))
            digests[target.name] = _write(target, chunks, budget)
            wanted.discard(name)
    except (
        EOFError,
        gzip.BadGzipFile,
        tarfile.TarError,
        zipfile.BadZipFile,
        zlib.error,
        NotImplementedError,  # zipfile's word for a compression that it does not know
        RuntimeError,  # and for a member that needs a password
    ) as error:
        detail = " ".join(str(error).split()).rstrip(".")
        raise budget.error(f"is truncated or damaged ({detail}); delete it and download it again.")
    if wanted:
        raise budget.error(
            f"has no member {min(wanted)!r}; it is truncated or a different archive."
        )
    return digests


class _Budget:
    """How much may come out of an archive, and the errors that name it."""

    def __init__(self, archive, field):
        self._archive, self._field = archive, field
        self._limit = min(MAX_BYTES, archive.stat().st_size * MAX_RATIO + FREE_BYTES)
        self._used = 0

    def error(self, message):
        return UserError(f"{self._field}: archive {str(self._archive)!r} {message}")

    def spend(self, num_bytes):
        self._used += num_bytes
        if self._used > self._limit:
            raise self.error(
                f"unpacks to more than {self._limit:,} bytes, over {MAX_RATIO} times its size: a "
                "decompression bomb; it was not used."
            )

    def check_name(self, name):
        parts = name.replace("\\", "/").split("/")
        if parts[0] == "" or ".." in parts or re.match("[A-Za-z]:", name):
            raise self.error(
                f"has a member {name!r} that would be written outside its folder; it was not used."
            )


def _zip_members(archive, wanted, budget):
    with zipfile.ZipFile(archive) as opened:
        for info in opened.infolist():
            budget.check_name(info.orig_filename)
            if info.filename not in wanted:
                continue
            if stat.S_ISLNK(info.external_attr >> 16) or info.is_dir():
                raise budget.error(f"has {info.filename!r} as a link or folder, not as a file.")
            with opened.open(info) as file:
                yield info.filename, _chunks(file)


def _tar_members(archive, wanted, budget):
    with open_input(archive) as raw:
        is_gzip = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        # Not tarfile's own decompression, which never looks at gzip's checksum.
        stream = gzip.open(raw) if is_gzip else raw
        with tarfile.open(fileobj=stream, mode="r|") as opened:
            for info in opened:
                yield from _tar_member(info, opened, wanted, budget)
        for chunk in _chunks(stream):
            budget.spend(len(chunk))


def _tar_member(info, opened, wanted, budget):
    budget.check_name(info.name)
    if info.islnk() or info.issym():
        folder = posixpath.dirname(info.name) if info.issym() else ""
        budget.check_name(posixpath.normpath(posixpath.join(folder, info.linkname)))
    name = posixpath.normpath(info.name)
    if name not in wanted:
        budget.spend(info.size)  # what is passed over is decompressed too
    elif not info.isreg():
        raise budget.error(f"has {info.name!r} as a link or folder, not as a file.")
    else:
        yield name, _chunks(opened.extractfile(info))


def _chunks(file):
    return iter(lambda: file.read(CHUNK_BYTES), b"")


def _write(target, chunks, budget):
    digest = hashlib.sha256()
    with open(target, "xb") as file:
        for chunk in chunks:
            budget.spend(len(chunk))
            digest.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()
