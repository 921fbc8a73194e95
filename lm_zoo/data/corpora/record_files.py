"""The user's own records with any fields: a text and its label, a question and its answer, ..."""

import dataclasses

from lm_zoo.data.corpora.own_files import OwnFiles
from lm_zoo.errors import UserError


@dataclasses.dataclass
class RecordFiles(OwnFiles):
    """Your own records, for any task: JSON lines, CSV, TSV, Parquet, or lines of columns.

    `fields` says which column each field is, as `text=review,label=stars`. Whole numbers are read
    as they are written: a label may be `1`. Files of any other name have a record a line, its
    columns at white space and the rest of the line in the last that is named: `1 a fine film`. A
    line break within a text becomes a space, and records with an empty field go. Validation and
    test are cut from the training records as `split_by` says where they have no files.

    Attributes:
        fields: `FIELD=COLUMN` for each field. A column is a name (dots lead into nested fields) or,
            in CSV and TSV without names and in lines of columns, a number from 1. By the text of
            the first, `split_by` `document_hash` chooses.
    """

    corpus_name = "records"

    fields: tuple[str, ...] = ()

    def reading(self, groups):
        columns = self._columns()
        return {
            "fields": {
                name: (f"corpus.fields ({name})", column) for name, column in columns.items()
            },
            "numbers": True,
        }

    def _columns(self):
        """Returns field name -> column."""
        columns = {}
        for part in self.fields:
            name, _, column = (piece.strip() for piece in part.partition("="))
            if not name or not column or name in columns:
                raise UserError(
                    "corpus.fields: expected FIELD=COLUMN once per field, such as "
                    f"text=review,label=stars; received {part!r}."
                )
            columns[name] = column
        if len(columns) < 2:
            raise UserError(
                "corpus.fields: expected FIELD=COLUMN for two or more fields, such as "
                f"text=review,label=stars; received {len(columns)}; for texts without other "
                "fields set corpus.name to 'text_files'."
            )
        return columns
