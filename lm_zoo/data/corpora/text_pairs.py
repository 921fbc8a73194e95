"""The user's own sentence pairs: two line-aligned files, or records that have both sides."""

from lm_zoo.data.cache import cache_dir
from lm_zoo.data.corpora import settings
from lm_zoo.data.corpora.decoding import check_encoding
from lm_zoo.data.corpora.file_lists import find_files
from lm_zoo.data.corpora.file_corpus import FileCorpus
from lm_zoo.data.corpora.splitting import ByDocumentHash, ByFraction
from lm_zoo.errors import UserError


def text_pairs(config):
    """Your own sentence pairs: two files line by line, or TSV, CSV, JSON lines or Parquet.

    Where `data.train_target_files` are given, each line of them is what the same line of the same
    file of `data.train_files` is translated to; else the files have records, whose sides
    `data.source_field` and `data.target_field` name. So it is with validation and test, which are
    cut from the training pairs as `data.split_by` says where they have no files. A line break
    within a record's side becomes a space.

    Args:
        config: A `DataConfig`.

    Raises:
        UserError: For a missing file, or settings that do not fit the files. What is in the files
            is found when they are read.
    """
    check_encoding(config.encoding)
    settings.refuse(
        config,
        settings.OF_TEXT_FILES,
        "it is for texts, and not for sentence pairs",
        "set data.corpus to 'text_files'",
    )
    if not config.train_files:
        raise UserError(
            "data.train_files: expected one file or more for data.corpus 'text_pairs', received "
            "none."
        )
    groups = {split: _groups(config, split) for split in ("train", "validation", "test")}
    fields = {
        side: (f"data.{side}_field", getattr(config, f"{side}_field"))
        for side in ("source", "target")
    }
    files = [group for found in groups.values() for group in found]
    named = [(setting, column) for setting, column in fields.values() if column]
    if named and not any(len(group) == 1 for group in files):
        raise UserError(
            "{}: {!r} is for files of records (.jsonl, .csv, .tsv, .parquet), and there are none; "
            "leave it empty.".format(*named[0])
        )
    splitting = ByDocumentHash if config.split_by == "document_hash" else ByFraction
    return FileCorpus(
        name="text_pairs",
        source="files " + ", ".join(file.path.name for group in files for file in group),
        licence="not stated",
        groups=groups,
        splitting=splitting(
            0.0 if config.validation_files else config.validation_fraction,
            0.0 if config.test_files else config.test_fraction,
        ),
        cache=cache_dir(config.cache_dir),
        encoding=config.encoding,
        fields=fields,
    )


def _groups(config, split):
    """Returns a split's files in groups: a source's with its target's, or one of records."""
    field, names = f"data.{split}_files", getattr(config, f"{split}_files")
    target_field = f"data.{split}_target_files"
    target_names = getattr(config, f"{split}_target_files")
    if target_names and not names:
        raise UserError(f"{target_field}: there are no {field} that they are the targets of.")
    sources = find_files(field, names, config.data_dir)
    if not target_names:
        for file in sources:
            if file.format == "text":
                raise file.error(
                    f"its lines need targets; name the file that has them by {target_field}, or "
                    "one of records (.jsonl, .csv, .tsv, .parquet) with both sides."
                )
        return [(file,) for file in sources]
    targets = find_files(target_field, target_names, config.data_dir)
    if len(sources) != len(targets):
        raise UserError(
            f"{target_field}: expected a file for each of the {len(sources)} of {field}, received "
            f"{len(targets)}."
        )
    for file in (*sources, *targets):
        if file.format != "text":
            raise file.error(
                f"it has records, not lines; leave {target_field} empty and name their sides by "
                "data.source_field and data.target_field."
            )
    return list(zip(sources, targets))
