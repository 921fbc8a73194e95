"""The user's own records with any fields: a text and its label, a question and its answer, ..."""

import dataclasses

from lm_zoo.data.cache import cache_dir as make_cache_dir
from lm_zoo.data.corpora.corpus import SPLITS
from lm_zoo.data.corpora.decoding import check_encoding
from lm_zoo.data.corpora.file_corpus import FileCorpus
from lm_zoo.data.corpora.file_lists import find_files
from lm_zoo.data.corpora.shares import FileShares
from lm_zoo.data.corpora.splitting import ByDocumentHash, ByFraction
from lm_zoo.errors import UserError


@dataclasses.dataclass
class RecordFiles(FileShares):
    """Your own records, for any task: JSON lines, CSV, TSV, Parquet, or lines of columns.

    `fields` says which column each field is, as `text=review,label=stars`. Whole numbers are read
    as they are written: a label may be `1`. Files of any other name have a record a line, its
    columns at white space and the rest of the line in the last that is named: `1 a fine film`. A
    line break within a text becomes a space, and records with an empty field go. Validation and
    test are cut from the training records as `split_by` says where they have no files.

    Attributes:
        data_dir: What file names are relative to.
        train_files: Files, folders or patterns of the training split.
        validation_files: Those of the validation split; empty means by `split_by`.
        test_files: Those of the test split; empty means by `split_by`.
        fields: `FIELD=COLUMN` for each field. A column is a name (dots lead into nested fields) or,
            in CSV and TSV without names and in lines of columns, a number from 1. By the text of
            the first, `split_by` `document_hash` chooses.
        encoding: Of the text files: `utf-8`, or any that Python knows (`latin-1`, `gb18030`, ...).
    """

    data_dir: str = ""
    train_files: tuple[str, ...] = ()
    validation_files: tuple[str, ...] = ()
    test_files: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
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
        if not self.train_files:
            raise UserError(
                "corpus.train_files: expected one file or more for corpus 'records', received none."
            )
        columns = self._columns()
        groups = {
            split: [
                (file,)
                for file in find_files(
                    f"corpus.{split}_files", getattr(self, f"{split}_files"), self.data_dir
                )
            ]
            for split in SPLITS
        }
        splitting = ByDocumentHash if self.split_by == "document_hash" else ByFraction
        return FileCorpus(
            name="records",
            source="files " + ", ".join(f.path.name for found in groups.values() for (f,) in found),
            licence="not stated",
            groups=groups,
            splitting=splitting(
                0.0 if self.validation_files else self.validation_fraction,
                0.0 if self.test_files else self.test_fraction,
            ),
            cache=make_cache_dir(cache_dir),
            encoding=self.encoding,
            fields={name: (f"corpus.fields ({name})", column) for name, column in columns.items()},
            numbers=True,
        )

    def _columns(self):
        """Returns field name -> column."""
        columns = {}
        for part in self.fields:
            name, _, column = (piece.strip() for piece in part.partition("="))
            if not name or not column or name in columns:
                raise UserError(
                    f"corpus.fields: expected FIELD=COLUMN for each field, each once, as "
                    f"text=review,label=stars; received {part!r}."
                )
            columns[name] = column
        if len(columns) < 2:
            raise UserError(
                f"corpus.fields: expected FIELD=COLUMN for two fields or more, as text=review,label="
                f"stars; received {len(columns)}; for texts alone set corpus.name to 'text_files'."
            )
        return columns
