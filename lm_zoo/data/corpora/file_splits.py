"""Which files each split is read from, and which part of the training files the others are."""

from lm_zoo.data.corpora.corpus import SPLITS
from lm_zoo.data.digests import json_sha256, sha256_of
from lm_zoo.errors import UserError
from lm_zoo.files import reason
from lm_zoo.files.input_files import open_input

READING_VERSION = 3  # part of the fingerprint: raised when the same files give another text
_COMPRESSION_RATIO = 4  # of text, about, where a file does not tell how long it is


class FileSplits:
    """The files of three splits, of which validation and test may be cut from the training files.

    Args:
        groups: Split -> its groups, each a tuple of the `SourceFile`s that are read together.
        splitting: A `ByFraction`, `ByDocumentHash` or `ByBytes`, for the splits without files.
        cache: The cache folder, where files' digests are remembered.
    """

    def __init__(self, groups, splitting, cache):
        self._groups = {split: tuple(map(tuple, groups.get(split, ()))) for split in SPLITS}
        self.splitting = splitting
        self._cache = cache

    def files(self, split=None):
        """Returns all files of a split, or of all splits."""
        splits = SPLITS if split is None else (split,)
        return [file for name in splits for group in self._groups[name] for file in group]

    @property
    def asked_shares(self):
        """Split -> its share of the training files' text, of splits that are cut from it."""
        shares = {n: self.splitting.share(n) for n in SPLITS[1:] if not self._groups[n]}
        return {name: share for name, share in shares.items() if share}

    @property
    def num_bytes(self):
        """About how many bytes of text there are, without reading it."""
        return sum(map(_text_bytes, self.files()))

    def fingerprint(self, reading):
        """Returns a hash of the files' names and bytes, and of how they are read and split.

        Args:
            reading: How they are read, JSON-ready.
        """
        identity = {
            "version": READING_VERSION,
            "files": {
                split: [[file.name, self._digest(file)] for file in self.files(split)]
                for split in SPLITS
            },
            "reading": reading,
            "splitting": repr(self.splitting),
        }
        return json_sha256(identity)

    def items(self, split, read, select):
        """Yields what a split has.

        Args:
            split: "train", "validation" or "test".
            read: Function of groups of files that yields what is in them.
            select: Function of a split and an iterator over what is in the training files that
                yields the split's share.

        Raises:
            UserError: For a split that must not be empty but is.
        """
        groups = self._groups[split] or self._groups["train"]
        share = self.splitting.share(split)
        is_whole = split != "train" and groups is self._groups[split] or share == 1
        if share == 0 and not is_whole:
            return
        is_empty = True
        for item in read(groups) if is_whole else select(split, read(groups)):
            is_empty = False
            yield item
        if is_empty and self._groups[split]:
            file = groups[0][0]
            if not is_whole and next(iter(read(groups)), None) is not None:
                raise UserError(
                    f"{file.field}: the fractions leave no text to train on; use more text or a "
                    "smaller corpus.validation_fraction and corpus.test_fraction."
                )
            raise UserError(f"{file.field}: there is no text in {str(file.path)!r}.")

    def training_items(self, read):
        """Yields all that is in the training files, before it is cut."""
        return read(self._groups["train"])

    def _digest(self, file):
        try:
            file.check_unchanged()
            digest = sha256_of(file.path, self._cache)
            file.check_unchanged()
        except OSError as error:
            raise file.error(f"could not be read: {reason(error)}.") from None
        return digest


def _text_bytes(file):
    """About how many bytes of text are in a file, without reading it."""
    if file.format == "parquet" or not file.compression:
        return file.size
    size = 0
    try:
        with open_input(file.path) as opened:
            if file.compression == ".gz":
                opened.seek(-4, 2)
                size = int.from_bytes(opened.read(4), "little")  # modulo 4 GiB
            elif file.compression == ".zst":
                size = _zstd_size(opened.read(18))
    except OSError:
        pass
    return size if size >= file.size else file.size * _COMPRESSION_RATIO


def _zstd_size(header):
    import zstandard

    try:
        size = zstandard.get_frame_parameters(header).content_size
    except zstandard.ZstdError:
        return 0
    return 0 if size == zstandard.CONTENTSIZE_UNKNOWN else size
