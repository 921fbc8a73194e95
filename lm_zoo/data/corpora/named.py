"""The named corpora, of texts and of sentence pairs, from the files that they are published in."""

import dataclasses
import typing

from lm_zoo.data.cache import cache_dir as make_cache_dir
from lm_zoo.data.corpora.download.named_files import NamedFiles
from lm_zoo.data.corpora.file_corpus import FileCorpus
from lm_zoo.data.corpora.readers.marked_lines import marked_lines
from lm_zoo.errors import UserError


@dataclasses.dataclass
class NamedCorpus:
    """One of the field's standard corpora, with its own files and splits.

    Attributes:
        data_dir: A folder that has its files already; empty means the cache, into which they are
            fetched.
        entry: A `CatalogueEntry`.
        about: What `lm-zoo list corpora` says of it.
    """

    data_dir: str = ""
    entry: typing.ClassVar = None
    about: typing.ClassVar = ""

    def load(self, cache_dir=""):
        """Returns the `Corpus`, fetching its files if they are neither in the folder nor the cache.

        Args:
            cache_dir: The cache folder; empty means the default one.

        Raises:
            UserError: For files that are missing and cannot be fetched, or are not the published
                ones.
        """
        entry = self.entry
        files = NamedFiles(entry).found(self.data_dir, cache_dir)
        return FileCorpus(
            name=entry.name,
            source=", ".join(address for d in entry.downloads for address in d.addresses[:1]),
            licence=entry.licence,
            groups={
                split: [(files[name],) for name in names] for split, names in entry.files.items()
            },
            splitting=entry.splitting,
            cache=make_cache_dir(cache_dir),
            documents=entry.documents,
        )


@dataclasses.dataclass
class NamedPairs(NamedCorpus):
    """One of the field's standard corpora of sentence pairs.

    Attributes:
        source_language: The language translated from (`de`); empty means the first that there is.
        target_language: The language translated to (`en`).
        entry: A `PairEntry`.
    """

    source_language: str = ""
    target_language: str = ""

    def load(self, cache_dir=""):
        """Returns the `Corpus`; see `NamedCorpus`. Other languages are refused, too."""
        source, target = self._direction(self.source_language, self.target_language)
        entry = self.entry.in_direction(source, target)
        files = NamedFiles(entry).found(self.data_dir, cache_dir)
        return FileCorpus(
            name=entry.name,
            source=f"{source}-{target} of {self.entry.origin}",
            licence=entry.licence,
            groups={
                split: [(files[a], files[b]) for a, b in zip(names[::2], names[1::2], strict=True)]
                for split, names in entry.files.items()
            },
            splitting=entry.splitting,
            cache=make_cache_dir(cache_dir),
            fields=dict.fromkeys(("source", "target"), ("", "")),
            read_lines=marked_lines,
        )

    def _direction(self, source, target):
        """Returns the first direction with the languages that are set."""
        for direction in self.entry.directions:
            if source in ("", direction[0]) and target in ("", direction[1]):
                return direction
        field = "source" if source else "target"
        asked = f"from {source!r}" if source else ""
        asked += f" to {target!r}" if target else ""
        listed = ", ".join(map("-".join, self.entry.directions))
        raise UserError(
            f"corpus.{field}_language: corpus {self.entry.name!r} has no translations "
            f"{asked.strip()}; it has: {listed}."
        )


def named_corpus(entry):
    """Returns the class of the corpus of a `CatalogueEntry`."""
    about = f"{entry.about}. Licence: {entry.licence}. {entry.tokens}."
    return type(entry.name, (NamedCorpus,), {"entry": entry, "about": about})


def named_pairs(entry):
    """Returns the class of the corpus of a `PairEntry`."""
    listed = ", ".join(map("-".join, entry.directions))
    about = f"{entry.about}: {listed}. Licence: {entry.licence}. {entry.counts}."
    return type(entry.name, (NamedPairs,), {"entry": entry, "about": about})
