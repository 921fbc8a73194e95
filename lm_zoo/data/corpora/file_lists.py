"""From what a user names (files, folders, patterns) to the files that are read, in order."""

import glob
import logging
import os
import pathlib

from lm_zoo.data.corpora.source_file import (
    ARCHIVES,
    COMPRESSIONS,
    FORMATS,
    TEXT_SUFFIXES,
    SourceFile,
)
from lm_zoo.errors import UserError

READ_IN_FOLDERS = (*TEXT_SUFFIXES, *FORMATS)


def find_files(field, names, folder="", only_records=False):
    """Returns the `SourceFile`s that are meant.

    A file is read whatever its name. A folder stands for the files below it, at any depth, whose
    suffix is one of `READ_IN_FOLDERS` (perhaps with `.gz`, ... behind it); a pattern (`*`, `?`,
    `[...]`, `**` for folders at any depth) for all files that it matches. Both come in the order of
    their names, and without hidden ones.

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
        path = os.path.join(os.path.expanduser(folder), os.path.expanduser(name))
        if os.path.isdir(path):
            found += _in_folder(field, pathlib.Path(path), only_records)
        elif glob.has_magic(path) and not os.path.exists(path):
            found += _matching(field, path)
        else:
            found.append(SourceFile.found(field, path))
    for file in found:
        if file.path.suffix.lower() in ARCHIVES or file.path.name.lower().endswith(".tar.gz"):
            raise file.error("it is an archive; unpack it and name its files or its folder.")
    return found


def _in_folder(field, folder, only_records):
    paths = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths += [pathlib.Path(parent, name) for name in names if not name.startswith(".")]
    suffixes = READ_IN_FOLDERS
    if only_records and any(_suffix(path) in FORMATS for path in paths):
        suffixes = tuple(FORMATS)
    kept = [path for path in paths if _suffix(path) in suffixes]
    if not kept:
        raise UserError(
            f"{field}: there is no text in folder {str(folder)!r}; read are "
            f"{' '.join(READ_IN_FOLDERS)}, and with {' '.join(COMPRESSIONS)} behind; name others "
            "by a pattern."
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


def _suffix(path):
    """A file's suffix, the one before it if that is of a compression."""
    if path.suffix.lower() in COMPRESSIONS:
        path = path.with_suffix("")
    return path.suffix.lower()


def _matching(field, pattern):
    paths = sorted(map(pathlib.Path, glob.glob(pattern, recursive=True)))
    files = [path for path in paths if path.is_file()]
    if not files:
        raise UserError(f"{field}: no file matches {pattern!r}; check the pattern.")
    common = os.path.dirname(glob.escape(pattern).split("[")[0])
    return [
        SourceFile.found(field, p, os.path.relpath(p, common or ".").replace(os.sep, "/"), False)
        for p in files
    ]
