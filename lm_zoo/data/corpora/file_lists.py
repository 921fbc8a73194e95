"""From what a user names (files, folders, patterns) to the files that are read, in order."""

import glob
import logging
import os
import pathlib

from lm_zoo.data.corpora.readers.source_file import (
    ARCHIVES,
    COMPRESSIONS,
    FORMATS,
    TEXT_SUFFIXES,
    SourceFile,
)
from lm_zoo.errors import UserError
from lm_zoo.files import expanded

READ_IN_FOLDERS = (*TEXT_SUFFIXES, *FORMATS)


def find_files(field, names, folder="", only_records=False):
    """Returns the `SourceFile`s that are meant.

    A file is read whatever its name. A folder stands for the files below it, at any depth, whose
    suffix is one of `READ_IN_FOLDERS` (perhaps with `.gz`, ... behind it); a pattern (`*`, `?`,
    `[...]`, `**` for folders at any depth) for all files that it matches. Both come in the order of
    their names, and without hidden ones. What is there by its very name is no pattern: neither a
    file `a[1].txt` nor the folder of `set[1]/*.txt`.

    Args:
        field: The config field that has them.
        names: Files, folders and patterns.
        folder: What relative ones are relative to; empty means the current folder.
        only_records: Whether folders stand for their files of records alone, if they have any: a
            README beside them is no document.

    Raises:
        UserError: For what is not there, a folder or pattern without files, or an archive.
    """
    found = []
    for name in names:
        path = expanded(folder) / expanded(name)
        there, rest = _what_is_there(path)
        if not rest and path.is_dir():
            found += _in_folder(field, path, only_records)
        elif glob.has_magic(rest):
            found += _matching(field, there, rest)
        else:
            found.append(SourceFile.found(field, path))
    for file in found:
        if file.path.suffix.lower() in ARCHIVES or file.path.name.lower().endswith(".tar.gz"):
            raise file.error("it is an archive; unpack it and name its files or its folder.")
    return found


def _in_folder(field, folder, only_records):
    paths = []
    for parent, folders, names in os.walk(folder, onerror=_raise):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths += [pathlib.Path(parent, name) for name in names if not name.startswith(".")]
    suffixes = READ_IN_FOLDERS
    if only_records and any(_suffix(path) in FORMATS for path in paths):
        suffixes = tuple(FORMATS)
    kept = [path for path in paths if _suffix(path) in suffixes]
    if not kept:
        raise UserError(
            f"{field}: there is no text in folder {str(folder)!r}; expected files ending in "
            f"{' '.join(READ_IN_FOLDERS)}, optionally followed by {' '.join(COMPRESSIONS)}; give "
            "a pattern for others."
        )
    if len(kept) < len(paths):
        logging.getLogger(__name__).warning(
            "%s: left out of %s because their names do not end in %s: %d files, the first is %s",
            field,
            folder,
            " ".join(suffixes),
            len(paths) - len(kept),
            min(set(paths) - set(kept)).relative_to(folder),
        )
    kept.sort(key=lambda path: path.relative_to(folder).parts)
    return [SourceFile.found(field, p, p.relative_to(folder).as_posix(), False) for p in kept]


def _raise(error):
    raise error  # `os.walk` itself would leave out, without a word, what it may not list


def _suffix(path):
    """A file's suffix, the one before it if that is of a compression."""
    if path.suffix.lower() in COMPRESSIONS:
        path = path.with_suffix("")
    return path.suffix.lower()


def _what_is_there(path):
    """Cuts a path after the last part that is there by its very name; the rest may be a pattern."""
    there, rest = pathlib.Path(path.anchor), list(path.parts[bool(path.anchor) :])
    while rest and (there / rest[0]).exists():
        there /= rest.pop(0)
    return there, os.path.join("", *rest)


def _matching(field, folder, pattern):
    names = sorted(map(pathlib.Path, glob.glob(pattern, root_dir=folder, recursive=True)))
    names = [name for name in names if (folder / name).is_file()]
    if not names:
        raise UserError(f"{field}: no file matches {str(folder / pattern)!r}; check the pattern.")
    return [SourceFile.found(field, folder / name, name.as_posix(), False) for name in names]
