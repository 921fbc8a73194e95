"""The records of validation and test as text, kept in a run's folder: what metrics are counted on."""

import json

from lm_zoo import files
from lm_zoo.errors import UserError
from lm_zoo.files.input_files import open_input
from lm_zoo.files.json_files import NotJson, parse_json

HELD_OUT = ("validation", "test")


def write_held_out(corpus, path):
    """Writes a file of JSON lines: `{"split": "test", "record": {"source": ..., "target": ...}}`.

    Args:
        corpus: The cleaned `Corpus`.
        path: Where to.
    """
    with files.writing_atomically(path) as write:
        for split in HELD_OUT:
            for texts in corpus.records(split):
                line = {"split": split, "record": dict(zip(corpus.fields, texts))}
                write((json.dumps(line, ensure_ascii=False) + "\n").encode("utf-8"))


def read_held_out(path, fields, split, count=None):
    """Returns a split's records, a list of tuples of strings.

    Args:
        path: The file.
        fields: Names of the fields, in the order of the tuples.
        split: `validation` or `test`.
        count: How many records there are; None means any number.

    Raises:
        UserError: If the file is missing or damaged.
    """
    expected = {"split": str, "record": dict.fromkeys(fields, str)}
    try:
        with open_input(path) as file:
            lines = [parse_json(line, expected) for line in file]
    except FileNotFoundError:
        raise UserError(f"workdir: {path} is missing; restore it.") from None
    except (OSError, NotJson) as error:
        files.raise_if_of_system(error)
        raise UserError(f"workdir: {path} is damaged ({error}); restore it.") from None
    records = [line["record"] for line in lines if line["split"] == split]
    if count is not None and len(records) != count:
        raise UserError(
            f"workdir: {path} is damaged (it has {len(records)} records of {split}, expected "
            f"{count}); restore it."
        )
    return [tuple(record[name] for name in fields) for record in records]
