"""The named corpora, of texts and of sentence pairs, from the files that they are published in."""

from lm_zoo.data.cache import cache_dir
from lm_zoo.data.corpora import settings
from lm_zoo.data.corpora.file_corpus import FileCorpus
from lm_zoo.data.corpora.marked_lines import marked_lines
from lm_zoo.data.corpora.named_files import NamedFiles
from lm_zoo.errors import UserError


class NamedCorpus:
    """One of the field's standard corpora, with its own files and splits.

    Args:
        entry: A `CatalogueEntry`.
    """

    def __init__(self, entry):
        self.entry = entry

    @property
    def about(self):
        """What `lm-zoo list corpora` says of it."""
        entry = self.entry
        return f"{entry.about}. Licence: {entry.licence}. {entry.tokens}."

    def __call__(self, config):
        """Returns the `Corpus`, fetching its files if they are neither in the folder nor the cache.

        Args:
            config: A `DataConfig`.

        Raises:
            UserError: For files that are missing and cannot be fetched, or are not the published
                ones, and for settings of other corpora.
        """
        entry = self.entry
        _refuse_others(config, entry.name, "text_files")
        files = NamedFiles(entry).found(config)
        return FileCorpus(
            name=entry.name,
            source=", ".join(address for d in entry.downloads for address in d.addresses[:1]),
            licence=entry.licence,
            groups={
                split: [(files[name],) for name in names] for split, names in entry.files.items()
            },
            splitting=entry.splitting,
            cache=cache_dir(config.cache_dir),
            documents=entry.documents,
        )


class NamedPairs:
    """One of the field's standard corpora of sentence pairs.

    Args:
        entry: A `PairEntry`.
    """

    def __init__(self, entry):
        self.entry = entry

    @property
    def about(self):
        """What `lm-zoo list corpora` says of it."""
        entry = self.entry
        listed = ", ".join(map("-".join, entry.directions))
        return f"{entry.about}: {listed}. Licence: {entry.licence}. {entry.counts}."

    def __call__(self, config):
        """Returns the `Corpus`; see `NamedCorpus`. It is refused, too, for other languages."""
        _refuse_others(config, self.entry.name, "text_pairs")
        source, target = self._direction(config.source_language, config.target_language)
        entry = self.entry.in_direction(source, target)
        files = NamedFiles(entry).found(config)
        groups = {
            split: list(zip(names[::2], names[1::2], strict=True))
            for split, names in entry.files.items()
        }
        return FileCorpus(
            name=entry.name,
            source=f"{source}-{target} of {self.entry.origin}",
            licence=entry.licence,
            groups={
                split: [(files[one], files[other]) for one, other in names]
                for split, names in groups.items()
            },
            splitting=entry.splitting,
            cache=cache_dir(config.cache_dir),
            fields={"source": ("", ""), "target": ("", "")},
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
            f"data.{field}_language: corpus {self.entry.name!r} has no translations "
            f"{asked.strip()}; it has: {listed}."
        )


def _refuse_others(config, name, instead):
    settings.refuse(
        config,
        (*settings.OF_FILES, *settings.OF_TEXT_FILES),
        f"{name!r} has files and splits of its own",
        f"set data.corpus to {instead!r}",
    )
