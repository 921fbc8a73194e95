"""The named corpora: their files found in a folder or the cache, or fetched, and verified."""

import json
import shutil

from lm_zoo.data.cache import cache_dir, made_once, publish, write_file
from lm_zoo.data.corpora.download import archives
from lm_zoo.data.corpora.download.fetching import checksum_of, fetch
from lm_zoo.data.corpora.readers.source_file import SourceFile
from lm_zoo.data.digests import sha256_of
from lm_zoo.errors import UserError
from lm_zoo.files import expanded, raise_if_of_system, reason
from lm_zoo.files.json_files import NotJson, read_json

MANIFEST = "sha256.json"


class NamedFiles:
    """The files of one of the field's standard corpora.

    Args:
        entry: A `CatalogueEntry`.
    """

    def __init__(self, entry):
        self.entry = entry

    def found(self, data_dir, cache):
        """Returns file name -> `SourceFile`, fetching what is neither in the folder nor the cache.

        Args:
            data_dir: A folder that has them, or "".
            cache: The cache folder; "" is the default one.

        Raises:
            UserError: For files that are missing and cannot be fetched, or are not the published
                ones.
        """
        cache = cache_dir(cache)
        downloads = cache / "downloads" / self.entry.name
        if data_dir:
            paths = self._in_folder(expanded(data_dir), downloads, cache)
        else:
            paths = self._in_cache(downloads, cache)
        field = "corpus.data_dir" if data_dir else "corpus.name"
        return {name: SourceFile.found(field, paths[name], name) for name in self._names}

    @property
    def _names(self):
        return [name for names in self.entry.files.values() for name in names]

    def _in_folder(self, folder, downloads, cache):
        """Returns file name -> path for the files, or the archive, that the user has."""
        if not folder.is_dir():
            raise UserError(f"corpus.data_dir: there is no folder {str(folder)!r}; check the path.")
        paths = {name: self._look_for(folder, name) for name in self._names}
        missing = [name for name, path in paths.items() if path is None]
        if not missing:
            for name, path in paths.items():
                self._check_published(name, path, cache)
            return paths
        here = {download.name: self._look_for(folder, download.name) for download in self._packed}
        if self._packed and all(here.values()):
            return self._unpacked(downloads, cache, here)
        archive = "".join(f", or {download.name}" for download in self._packed)
        raise UserError(
            f"corpus.data_dir: there is no {missing[0]} in {str(folder)!r}; expected the files of "
            f"{self.entry.name!r} ({_listed(self._names)}){archive}."
        )

    def _look_for(self, folder, name):
        """Returns where a file is, under any of the names that people give it, or None."""
        for below in ("", *self.entry.folders):
            for known_as in (name, *self.entry.other_names.get(name, ())):
                path = folder / below / known_as
                if path.is_file():
                    return path
        return None

    @property
    def _packed(self):
        return [download for download in self.entry.downloads if download.members]

    def _in_cache(self, downloads, cache):
        """Returns file name -> path in the cache, after fetching and unpacking what is missing."""
        if self._packed:
            return self._unpacked(downloads, cache, {})
        for download in self.entry.downloads:
            path = downloads / download.name
            if not path.exists():
                self._fetch(download, path)
            _check(path, download.checksum, cache)
        return {name: downloads / name for name in self._names}

    def _fetch(self, download, path):
        try:
            fetch(download, path)
        except UserError as error:
            listed = _listed(self._names)
            raise UserError(
                f"corpus.name: could not download {download.name} of {self.entry.name!r} "
                f"({str(error).rstrip('.')}); get it elsewhere and put it at {path}, or give a "
                f"folder that has {listed} with --config.corpus.data_dir=FOLDER."
            ) from None

    def _unpacked(self, downloads, cache, here):
        """Returns file name -> path of the archives' files.

        Args:
            downloads: The corpus' folder in the cache.
            cache: The cache folder.
            here: Archive name -> where the user has it, instead of in `downloads`.
        """
        text = downloads / self.entry.unpacked
        with made_once(text) as work:
            if work is not None:
                self._make_text(work, text, downloads, cache, here)
        digests = _manifest(text)
        for name in self._names:
            path = text / name
            if not path.is_file() or sha256_of(path, cache) != digests.get(name):
                raise UserError(
                    f"corpus.name: {path} was changed after it was unpacked; delete the folder "
                    f"{text} and rerun."
                )
        return {name: text / name for name in self._names}

    def _make_text(self, work, text, downloads, cache, here):
        made = work / "whole"
        shutil.rmtree(made, ignore_errors=True)  # what a killed process has left
        made.mkdir()
        try:
            digests = self._unpack_into(made, downloads, cache, here)
        except BaseException:
            shutil.rmtree(made, ignore_errors=True)
            raise
        write_file(made / MANIFEST, json.dumps(digests, indent=2).encode())
        publish(made, text)

    def _unpack_into(self, made, downloads, cache, here):
        """Returns the name and SHA-256 of each file."""
        digests = {}
        for download in self._packed:
            archive = here.get(download.name) or downloads / download.name
            if not archive.exists():
                self._fetch(download, archive)
            _check(archive, download.checksum, cache)
            digests |= archives.unpack(archive, download.members, made, "corpus.name")
        for name in self._names:
            self._check_published(name, made / name, cache)
        return digests

    def _check_published(self, name, path, cache):
        """Checks a file that may have one of its other names, with a checksum of its own."""
        checksums = self.entry.checksums
        checksum = checksums.get(path.name) or checksums.get(name)
        if checksum:
            _check(path, checksum, cache)


def _check(path, checksum, cache):
    """Raises a `UserError` that shows both checksums unless a file's is the published one."""
    try:
        if checksum.startswith("sha256:"):
            received = f"sha256:{sha256_of(path, cache)}"
        else:
            received = checksum_of(path, checksum)
    except OSError as error:
        raise UserError(f"corpus.name: could not read {str(path)!r}: {reason(error)}.") from None
    if received != checksum:
        raise UserError(
            f"corpus.name: {str(path)!r} is not the published file: expected {checksum}, received "
            f"{received}; delete it and download it again, or read it as corpus 'text_files'."
        )


def _manifest(folder):
    try:
        return read_json(folder / MANIFEST, {str: str})
    except (OSError, NotJson) as error:
        raise_if_of_system(error)
        return {}


def _listed(names):
    return ", ".join(names if len(names) < 5 else [names[0], "...", names[-1]])
