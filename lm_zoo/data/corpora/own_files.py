"""What every corpus of the user's own files has: which files are which split's, and the rest cut."""

import dataclasses

from lm_zoo.checked_fields import field
from lm_zoo.data.cache import cache_dir as make_cache_dir
from lm_zoo.data.corpora.corpus import SPLITS
from lm_zoo.data.corpora.file_corpus import FileCorpus
from lm_zoo.data.corpora.file_lists import find_files
from lm_zoo.data.corpora.readers.decoding import check_encoding
from lm_zoo.data.corpora.shares import HeldOutShares
from lm_zoo.data.corpora.splitting import ByDocumentHash, ByFraction
from lm_zoo.errors import UserError

SPLIT_BY = ("fraction", "document_hash")


@dataclasses.dataclass
class OwnFiles(HeldOutShares):
    """Files of the training split, and of the others or a share of the training files for them.

    Attributes:
        split_by: `fraction` (validation and test are the end of the text, in this order) or
            `document_hash` (each document's place follows from its own text, each pair's from its
            source, and stays when others are added); for splits without files of their own.
        data_dir: What file names are relative to.
        train_files: Files, folders or patterns (`books/**/*.txt.gz`) of the training split, plain
            or compressed (`.gz`, `.bz2`, `.xz`, `.zst`).
        validation_files: Those of the validation split; empty means by `split_by`.
        test_files: Those of the test split; empty means by `split_by`.
        encoding: Of the text files: `utf-8`, or any that Python knows (`latin-1`, `gb18030`, ...).
    """

    corpus_name = ""
    reads_folder = False  # whether `data_dir` may stand without `train_files`

    split_by: str = field("fraction", choices=SPLIT_BY)
    data_dir: str = ""
    train_files: tuple[str, ...] = ()
    validation_files: tuple[str, ...] = ()
    test_files: tuple[str, ...] = ()
    encoding: str = "utf-8"

    def load(self, cache_dir=""):
        """Returns the `Corpus`.

        Args:
            cache_dir: The cache folder; empty means the default one.

        Raises:
            UserError: For a missing file, or arguments that do not fit the files. What is in the
                files is found when they are read.
        """
        check_encoding(self.encoding)
        if not self.train_files and not (self.reads_folder and self.data_dir):
            raise UserError(
                f"corpus.train_files: expected one or more files for corpus {self.corpus_name!r}, "
                "received none."
            )
        groups = {split: self.groups(split) for split in SPLITS}
        splitting = ByDocumentHash if self.split_by == "document_hash" else ByFraction
        return FileCorpus(
            name=self.corpus_name,
            source="files " + ", ".join(self._names() or [self.data_dir]),
            licence="not stated",
            groups=groups,
            splitting=splitting(
                0.0 if self.validation_files else self.validation_fraction,
                0.0 if self.test_files else self.test_fraction,
            ),
            cache=make_cache_dir(cache_dir),
            encoding=self.encoding,
            **self.reading(groups),
        )

    def groups(self, split):
        """Returns a split's groups of files, as `FileCorpus` takes them."""
        names = getattr(self, f"{split}_files")
        return [(file,) for file in find_files(f"corpus.{split}_files", names, self.data_dir)]

    def reading(self, groups):
        """Returns the arguments of `FileCorpus` that say how the files are read.

        Args:
            groups: Split -> its groups of files.
        """
        raise NotImplementedError

    def _names(self):
        """Returns what is named of files, as it is written."""
        lists = (f.name for f in dataclasses.fields(self) if f.name.endswith("_files"))
        return [name for each in lists for name in getattr(self, each)]
