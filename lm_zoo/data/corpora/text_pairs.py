"""The user's own sentence pairs: two line-aligned files, or records that have both sides."""

import dataclasses

from lm_zoo.data.corpora.file_lists import find_files
from lm_zoo.data.corpora.own_files import OwnFiles
from lm_zoo.errors import UserError


@dataclasses.dataclass
class TextPairs(OwnFiles):
    """Your own sentence pairs: two files line by line, or TSV, CSV, JSON lines or Parquet.

    Where `train_target_files` are given, each line of them is what the same line of the same file
    of `train_files` is translated to; else the files have records, whose sides `source_field` and
    `target_field` name. So it is with validation and test, which are cut from the training pairs as
    `split_by` says where they have no files. A line break within a record's side becomes a space.

    Attributes:
        train_target_files: The targets, line by line what `train_files` are translated to; empty
            where each record has both sides.
        validation_target_files: The targets of `validation_files`, line by line.
        test_target_files: The targets of `test_files`, line by line.
        source_field: For records (JSON, CSV, TSV, Parquet): the field or column with the source;
            dots lead into nested fields, a number means that column of a file without names.
        target_field: The field or column with the target, named in the same way.
    """

    corpus_name = "text_pairs"

    train_target_files: tuple[str, ...] = ()
    validation_target_files: tuple[str, ...] = ()
    test_target_files: tuple[str, ...] = ()
    source_field: str = ""
    target_field: str = ""

    def reading(self, groups):
        fields = {
            side: (f"corpus.{side}_field", getattr(self, f"{side}_field"))
            for side in ("source", "target")
        }
        files = [group for found in groups.values() for group in found]
        named = [(setting, column) for setting, column in fields.values() if column]
        if named and not any(len(group) == 1 for group in files):
            setting, name = named[0]
            raise UserError(
                f"{setting}: {name!r} is for files of records (.jsonl, .csv, .tsv, .parquet), and "
                "there are none; leave it empty."
            )
        return {"fields": fields}

    def groups(self, split):
        """Returns a split's files in groups: a source's with its target's, or one of records."""
        field, names = f"corpus.{split}_files", getattr(self, f"{split}_files")
        target_field = f"corpus.{split}_target_files"
        target_names = getattr(self, f"{split}_target_files")
        if target_names and not names:
            raise UserError(f"{target_field}: there are no {field} for these targets.")
        sources = find_files(field, names, self.data_dir)
        if not target_names:
            for file in sources:
                if file.format == "text":
                    raise file.error(
                        f"its lines need targets; set {target_field} to their file, or use a file "
                        "of records (.jsonl, .csv, .tsv, .parquet) with both sides."
                    )
            return [(file,) for file in sources]
        targets = find_files(target_field, target_names, self.data_dir)
        if len(sources) != len(targets):
            raise UserError(
                f"{target_field}: expected one file for each of the {len(sources)} in {field}, "
                f"received {len(targets)}."
            )
        for file in (*sources, *targets):
            if file.format != "text":
                raise file.error(
                    f"it has records, not lines; leave {target_field} empty and name both sides "
                    "with corpus.source_field and corpus.target_field."
                )
        return list(zip(sources, targets))
